-- May one text leave now? All of it or nothing: a place among the requests under way, and its segments at every bucket.
-- A bucket is a time (GCRA): when its next segment may leave, in microseconds of Redis's own clock. Whoever is refused leaves
-- its lane behind, and lower lanes are refused until it has come again: a bulk cannot eat what an answer waits for.
-- KEYS: live (zset request -> when it is given up), limit, pause, then for each bucket: time, waiting lane, segments of the day.
-- ARGV: request, lane, segments, milliseconds a request may take, first limit, part kept from the lowest lane, then for each
-- bucket: microseconds a segment, microseconds it may be early, segments a day (0: any number).
-- Returns {"go"} | {"wait", why, milliseconds} | {"day", which bucket, milliseconds 0} | {"count", which bucket}: its day is
-- not counted here yet.
local live, limit, pause = KEYS[1], KEYS[2], KEYS[3]
local request, lane, segments = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local paused = redis.call('PTTL', pause)
if paused > 0 then return {'wait', 'account-paused', paused} end

redis.call('ZREMRANGEBYSCORE', live, '-inf', now)
local most = math.floor(tonumber(redis.call('GET', limit) or ARGV[5]))
if lane == 2 then most = math.max(1, most - math.floor(most * ARGV[6])) end
if redis.call('ZCARD', live) >= most then return {'wait', 'concurrency', 50} end

local buckets = (#KEYS - 3) / 3
for i = 1, buckets do
    local at, wants, day = KEYS[1 + 3 * i], KEYS[2 + 3 * i], KEYS[3 + 3 * i]
    local each, early, cap = tonumber(ARGV[4 + 3 * i]), tonumber(ARGV[5 + 3 * i]), tonumber(ARGV[6 + 3 * i])
    if cap > 0 then
        local sent = redis.call('GET', day)
        if not sent then return {'count', i} end
        if tonumber(sent) + segments > cap then return {'day', i, 0} end
    end
    local wait = tonumber(redis.call('GET', at) or 0) - early - now
    local waiting = tonumber(redis.call('GET', wants) or lane)
    if waiting < lane then return {'wait', 'higher-lane', math.ceil(math.max(wait + each, each) / 1000)} end
    if wait > 0 then
        -- It comes again when its time has come; two seconds more for a busy house, then it holds up nobody.
        redis.call('SET', wants, lane, 'PX', math.ceil(wait / 1000) + 2000)
        return {'wait', 'rate', math.ceil(wait / 1000)}
    end
end

for i = 1, buckets do
    local at, wants, day = KEYS[1 + 3 * i], KEYS[2 + 3 * i], KEYS[3 + 3 * i]
    local each, cap = tonumber(ARGV[4 + 3 * i]), tonumber(ARGV[6 + 3 * i])
    local next = math.max(tonumber(redis.call('GET', at) or 0), now) + each * segments
    redis.call('SET', at, string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000) + 1000)
    if tonumber(redis.call('GET', wants) or -1) == lane then redis.call('DEL', wants) end
    if cap > 0 then redis.call('INCRBY', day, segments) end
end
redis.call('ZADD', live, now + ARGV[4] * 1000, request)
return {'go'}

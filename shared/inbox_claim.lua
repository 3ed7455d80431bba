-- Takes up to n due events under a lease: their due time moves on, so a crashed drain gives them back by itself.
-- KEYS: inbox, due, tries (hash id -> count), bell.  ARGV: n, lease ms, bell ttl ms, 1 to leave the bell if nothing is due.
-- Returns id, record, try, id, record, try, ...
-- Nothing is counted here: what is taken in a batch and not begun was not tried.
-- The bell stays as long as somebody comes for what it stands for, so nobody rings for a drain that is at work. It goes in
-- the same step that finds nothing: whatever is stored from then on rings anew.
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms, 'LIMIT', 0, ARGV[1])
local claimed = {}
for _, id in ipairs(ids) do
    local record = redis.call('HGET', KEYS[1], id)
    if record then
        redis.call('ZADD', KEYS[2], now_ms + ARGV[2], id)
        claimed[#claimed + 1] = id
        claimed[#claimed + 1] = record
        claimed[#claimed + 1] = (redis.call('HGET', KEYS[3], id) or 0) + 1
    else
        redis.call('ZREM', KEYS[2], id)
        redis.call('HDEL', KEYS[3], id)
    end
end
if #claimed > 0 then
    redis.call('PEXPIRE', KEYS[4], ARGV[3])
elseif ARGV[4] == '0' then
    redis.call('DEL', KEYS[4])
end
return claimed

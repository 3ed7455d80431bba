-- Makes events due now and rings the bell. Whoever gives the records too has those stored again that are not here.
-- KEYS: inbox (hash id -> record), due (zset id -> ms), bell, queue.
-- ARGV: bell message, bell ttl ms, 1 if records are given, id, record, ...   Returns how many are due now.
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local count = 0
for i = 4, #ARGV, 2 do
    if ARGV[3] == '1' then
        redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1])
    end
    if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
        redis.call('ZADD', KEYS[2], now_ms, ARGV[i])
        count = count + 1
    end
end
if count > 0 and redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[2]) then
    redis.call('LPUSH', KEYS[4], ARGV[1])
end
return count

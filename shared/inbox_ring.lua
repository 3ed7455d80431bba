-- Rings for the drain task if something has been due for longer than the grace and nobody has taken it.
-- KEYS: due, bell, queue.  ARGV: bell message, bell ttl ms, grace ms.  Returns 1 if it rang.
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local oldest = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms - ARGV[3], 'LIMIT', 0, 1)
if #oldest == 0 or not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[2]) then
    return 0
end
redis.call('LPUSH', KEYS[3], ARGV[1])
return 1

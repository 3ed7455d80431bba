-- Takes up to n due events under a lease: their due time moves on, so a crashed drain gives them back by itself.
-- KEYS: inbox, due, tries (hash id -> count).  ARGV: n, lease ms.  Returns id, record, try, id, record, try, ...
-- Nothing is counted here: what is taken in a batch and not begun was not tried.
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
return claimed

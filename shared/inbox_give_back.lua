-- Ends leases: what is still in the inbox is due again after a delay. What was cleared meanwhile stays cleared.
-- KEYS: due, tries.  ARGV: delay ms, id, tries so far, id, tries so far, ...
local now = redis.call('TIME')
local due_ms = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[1]
for i = 2, #ARGV, 2 do
    if redis.call('ZSCORE', KEYS[1], ARGV[i]) then
        redis.call('ZADD', KEYS[1], due_ms, ARGV[i])
        redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
    end
end
return 1

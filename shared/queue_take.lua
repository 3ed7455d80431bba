-- Takes the next message of a queue and notes in kombu's `unacked` that it was taken, in one step: whoever dies holding it,
-- or before it was heard of, has left it there.
-- KEYS: unacked index (zset tag -> when), unacked (hash tag -> [message, exchange, routing key]), queues, the first that has
-- one counts.  ARGV: now in seconds, by the taker's clock, as kombu notes it.  Returns the message, or nothing.
for i = 3, #KEYS do
    local item = redis.call('LINDEX', KEYS[i], -1)
    if item then
        local is_message, told = pcall(function() return cjson.decode(item)['properties'] end)
        if is_message and type(told) == 'table' and told['delivery_tag'] and told['delivery_info'] then
            local to = told['delivery_info']
            redis.call('ZADD', KEYS[1], ARGV[1], told['delivery_tag'])
            redis.call('HSET', KEYS[2], told['delivery_tag'], '[' .. item .. ',' .. cjson.encode(to['exchange'])
                .. ',' .. cjson.encode(to['routing_key']) .. ']')
        end
        redis.call('RPOP', KEYS[i])
        return item
    end
end
return false

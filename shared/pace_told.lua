-- A request is over. Twilio's limit is on requests under way, and it is not published: found out as TCP finds out a line's
-- (additive increase, multiplicative decrease).
-- KEYS: live, limit, pause, cut.  ARGV: request, 1 if Twilio said "too many", first limit, highest limit, how many Twilio says
-- were under way (0: it does not say), milliseconds to leave the account alone (0: none).  Returns the limit as text.
local live, limit, pause, cut = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local under_way = redis.call('ZCARD', live)
redis.call('ZREM', live, ARGV[1])
local most = tonumber(redis.call('GET', limit) or ARGV[3])
if ARGV[2] == '1' then
    -- One overrun is heard from many requests at once: it counts once a second.
    if redis.call('SET', cut, 1, 'NX', 'PX', 1000) then
        local seen = tonumber(ARGV[5])
        if seen > 0 and seen < most then most = seen end
        most = math.max(1, most / 2)
    end
elseif under_way * 2 >= most then
    most = math.min(tonumber(ARGV[4]), most + 1 / most) -- it is in use: one more for every round of it
end
redis.call('SET', limit, string.format('%.4f', most), 'PX', 3600000)
if tonumber(ARGV[6]) > 0 then redis.call('SET', pause, 1, 'PX', ARGV[6]) end
return string.format('%.4f', most)

-- A page of feeds whose time has come, the longest due first, and the time that counts.
-- KEYS: due. ARGV: now, first place, number. Answers {now, {id…}}.
local now, first, number = now_ms(take()), take(), take()
return { whole(now), redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now), 'LIMIT', first, number) }

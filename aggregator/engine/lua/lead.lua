-- Takes the lead of the event stage if nobody holds it. KEYS: leader, token. ARGV: worker, lease, now.
-- Answers {token, worker, lapses}; token '' when another worker leads. A lead that lapses later than a lease can last
-- was taken before the clock was put back: it counts as lapsed, and its token as stale.
local worker, lease, now = take(), tonumber(take()), now_ms(take())
local bad = wrong_type({ { KEYS[1], 'hash' }, { KEYS[2], 'string' } })
if bad then
  return redis.error_reply(bad)
end
local leader = redis.call('HMGET', KEYS[1], 'worker', 'token', 'lapses')
local held = leader[2] and leader[2] ~= '' and ahead(leader[3], now, 2 * lease)
if held and leader[1] ~= worker then
  return { '', leader[1] or '', whole(numeric(leader[3])) }
end
local lapses = whole(now + lease)
local token = leader[2]
if not held then
  token = whole(token_after(redis.call('GET', KEYS[2])))
  redis.call('SET', KEYS[2], token)
end
redis.call('HSET', KEYS[1], 'worker', worker, 'token', token, 'lapses', lapses)
return { token, worker, lapses }

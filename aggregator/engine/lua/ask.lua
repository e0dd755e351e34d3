-- Puts an operator's word where the leading event worker finds it, once. KEYS: asked, ruling.
-- ARGV: ruling id, request, the answer until there is another, ms to keep that. Answers done, or repeated.
local ruling_id, request, waiting, keep_ms = take(), take(), take(), take()
local bad = wrong_type({ { KEYS[1], 'stream' }, { KEYS[2], 'string' } })
if bad then
  return redis.error_reply(bad)
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  return 'repeated'
end
redis.call('SET', KEYS[2], waiting, 'PX', keep_ms)
redis.call('XADD', KEYS[1], '*', 'id', ruling_id, 'r', request)
return 'done'

-- Acknowledges a message that is not delivered, and tells the operator, once.
-- KEYS: queue, trouble. ARGV: group, stream id, number of notices, these. Answers done or repeated.
local group, stream_id = take(), take()
local bad = wrong_type({ { KEYS[1], 'stream' }, { KEYS[2], 'stream' } })
if bad then
  return redis.error_reply(bad)
end
local notices = take_notices(tonumber(take()))
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('XACK', KEYS[1], group, stream_id) == 0 then
  return 'repeated'
end
tell(KEYS[2], notices)
return 'done'

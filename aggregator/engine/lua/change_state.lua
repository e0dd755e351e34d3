-- Replaces a feed's state if it is still `expected` and nobody polls the feed now.
-- KEYS: due, feed, trouble. ARGV: feed id, now, expected ('' = none), state, due ('' = unchanged), number of notices, these.
local due_key, feed_key, trouble_key = unpack(KEYS)
local feed_id, now, expected, state, due = take(), now_ms(take()), take(), take(), take()
local bad = wrong_type({ { due_key, 'zset' }, { feed_key, 'hash' }, { trouble_key, 'stream' } })
if bad then
  return redis.error_reply(bad)
end
local notices = take_notices(tonumber(take()))
local feed = redis.call('HMGET', feed_key, 'state', 'lease')
if feed[1] == state then
  return 'repeated'
elseif numeric(feed[2]) > now then
  return 'claimed'
elseif (feed[1] or '') ~= expected then
  return 'changed'
end
redis.call('HSET', feed_key, 'state', state)
if due ~= '' then
  redis.call('ZADD', due_key, 'XX', due, feed_id)
end
tell(trouble_key, notices)
return 'done'

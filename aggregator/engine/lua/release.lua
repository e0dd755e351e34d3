-- Gives a claim back: nothing is changed but the due time. KEYS: due, feed. ARGV: prefix, feed id, token, now, due.
local due_key, feed_key = KEYS[1], KEYS[2]
local prefix, feed_id, token, now, due = take(), take(), take(), now_ms(take()), take()
local bad = wrong_type({ { due_key, 'zset' }, { feed_key, 'hash' } })
if bad then
  return redis.error_reply(bad)
end
local feed = redis.call('HMGET', feed_key, 'token', 'released', 'host', 'done')
if feed[2] == token then
  return 'repeated'
elseif feed[1] ~= token or feed[4] == token then
  return 'stale'
end
local slot_key = prefix .. ':host:' .. (feed[3] or '')
bad = wrong_type({ { slot_key, 'hash' } })
if bad then
  return redis.error_reply(bad)
end
redis.call('HSET', feed_key, 'token', '', 'released', token, 'lease', '0', 'nonce', '')
redis.call('ZADD', due_key, 'XX', due, feed_id)
free_host(slot_key, token, now)
return 'done'

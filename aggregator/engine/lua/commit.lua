-- Writes all that one poll found, under its claim.
-- KEYS: due, feed, known, entries, trouble, host to hold. ARGV: prefix, feed id, token, now, state, due ('+inf': never),
-- hold until ('' = no), ms to keep counts, numbers of entries, known values, notices, counts; then these.
-- Answers done, repeated (it was written before), or stale.
local due_key, feed_key, known_key, entries_key, trouble_key, host_key = unpack(KEYS)
local prefix, feed_id, token, now = take(), take(), take(), now_ms(take())
local state, due, hold, keep_ms = take(), take(), take(), take()
local entry_count, known_count = tonumber(take()), tonumber(take())
local notice_count, stat_count = tonumber(take()), tonumber(take())

-- What nothing is written to is not looked at: nineteen polls in twenty bring nothing.
local wanted = { { due_key, 'zset' }, { feed_key, 'hash' } }
local function want(key, kind, is_written)
  if is_written then
    wanted[#wanted + 1] = { key, kind }
  end
end
want(known_key, 'hash', known_count > 0)
want(entries_key, 'stream', entry_count > 0)
want(trouble_key, 'stream', notice_count > 0)
want(host_key, 'hash', hold ~= '')
local bad = wrong_type(wanted)
if bad then
  return redis.error_reply(bad)
end
local feed = redis.call('HMGET', feed_key, 'token', 'done', 'host')
if feed[2] == token then
  return 'repeated'
elseif feed[1] ~= token then
  return 'stale'
end
local slot_key = prefix .. ':host:' .. (feed[3] or '')
bad = wrong_type({ { slot_key, 'hash' } })
if bad then
  return redis.error_reply(bad)
end
local entries, known = take_many(entry_count), take_many(known_count)
local notices, stats = take_notices(notice_count), take_many(stat_count)
bad = denied_channel(notices, 2)
if bad then
  return redis.error_reply(bad)
end

-- The state last: if a server that cannot be asked (Redis 6.2) denies one of these, no validator stands without its entries.
for _, entry in ipairs(entries) do
  redis.call('XADD', entries_key, '*', 'e', entry)
end
hset_many(known_key, known)
redis.call('HSET', feed_key, 'state', state, 'done', token, 'lease', '0', 'nonce', '')
redis.call('ZADD', due_key, 'XX', due, feed_id)
tell(trouble_key, notices)
count(prefix, now, stats, keep_ms)
free_host(slot_key, token, now)
if hold ~= '' then
  hold_host(host_key, hold, now)
end
return 'done'

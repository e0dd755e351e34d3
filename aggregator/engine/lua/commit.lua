-- Writes all that one poll found, under its claim; of many polls one after the other, each whole or not at all.
-- KEYS, of each poll: due, feed, known, entries, trouble, host to hold. ARGV, of each poll: prefix, feed id, token, now,
-- state, due ('+inf': never), hold until ('' = no), ms to keep counts, numbers of entries, known values, notices, counts,
-- items seen (0 leaves those that stand); then these. Answers for each: done, repeated (it was written before), stale, or an error.
local KEYS_EACH = 6

local function take_poll(first_key)
  local p = {}
  p.due_key, p.feed_key, p.known_key, p.entries_key, p.trouble_key, p.host_key =
    unpack(KEYS, first_key, first_key + KEYS_EACH - 1)
  p.prefix, p.feed_id, p.token, p.now = take(), take(), take(), now_ms(take())
  p.state, p.due, p.hold, p.keep_ms = take(), take(), take(), take()
  local entry_count, known_count = tonumber(take()), tonumber(take())
  local notice_count, stat_count, seen_count = tonumber(take()), tonumber(take()), tonumber(take())
  p.entries, p.known = take_many(entry_count), take_many(known_count)
  p.notices, p.stats = take_notices(notice_count), take_many(stat_count)
  p.seen = take_many(seen_count)
  return p
end

-- The keys that are written to, with their types. What nothing is written to is not looked at: nineteen polls in twenty
-- bring nothing.
local function written_keys(p)
  local wanted = { { p.due_key, 'zset' }, { p.feed_key, 'hash' } }
  local function want(key, kind, is_written)
    if is_written then
      wanted[#wanted + 1] = { key, kind }
    end
  end
  want(p.known_key, 'hash', #p.known > 0)
  want(p.entries_key, 'stream', #p.entries > 0)
  want(p.trouble_key, 'stream', #p.notices > 0)
  want(p.host_key, 'hash', p.hold ~= '')
  return wanted
end

-- The state last: if a server that cannot be asked (Redis 6.2) denies one of these, no validator stands without its entries.
local function write(p, slot_key)
  for _, entry in ipairs(p.entries) do
    redis.call('XADD', p.entries_key, '*', 'e', entry)
  end
  hset_many(p.known_key, p.known)
  if p.seen[1] then
    redis.call('HSET', p.feed_key, 'seen', p.seen[1])
  end
  redis.call('HSET', p.feed_key, 'state', p.state, 'done', p.token, 'lease', '0', 'nonce', '')
  redis.call('ZADD', p.due_key, 'XX', p.due, p.feed_id)
  tell(p.trouble_key, p.notices)
  count(p.prefix, p.now, p.stats, p.keep_ms)
  free_host(slot_key, p.token, p.now)
  if p.hold ~= '' then
    hold_host(p.host_key, p.hold, p.now)
  end
end

local function commit(p)
  local bad = wrong_type(written_keys(p))
  if bad then
    return redis.error_reply(bad)
  end
  local feed = redis.call('HMGET', p.feed_key, 'token', 'done', 'host')
  if feed[2] == p.token then
    return 'repeated'
  elseif feed[1] ~= p.token then
    return 'stale'
  end
  local slot_key = p.prefix .. ':host:' .. (feed[3] or '')
  bad = wrong_type({ { slot_key, 'hash' } }) or denied_channel(p.notices, 2)
  if bad then
    return redis.error_reply(bad)
  end
  write(p, slot_key)
  return 'done'
end

local answers = {}
for first_key = 1, #KEYS, KEYS_EACH do
  answers[#answers + 1] = commit(take_poll(first_key))
end
return answers

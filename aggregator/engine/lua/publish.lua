-- Publishes entries in their order, each whole, until one may not be.
-- KEYS: leader, entries, events, reports, fingerprints, merged, dropped. ARGV: prefix, token, now, ms to keep gates and
-- events, ms to keep counts, cap of lists, number and names of a message's fields, number of publications; of each:
-- stream id, entry id, revision, event id, packed record ('' = none), why it was put there, numbers of events, messages
-- and counts; events as id, JSON, merged into ('' = lives); messages as number of values (0 = it goes to no stream),
-- values, number of streams, streams, number of lists, lists, JSON for them, channel, payload; counts as field, number.
-- Answers {{event id, 0 or 1 = published before}…, why it stopped}; why: done, stale, order, gone.
local leader_key, entries_key, events_key, reports_key, fingerprints_key, merged_key, dropped_key = unpack(KEYS)
local prefix, token, now = take(), take(), now_ms(take())
local keep_ms, keep_counts_ms, cap = take(), take(), tonumber(take())
local form = take_row_form()
local wanted = {
  { leader_key, 'hash' }, { entries_key, 'stream' }, { events_key, 'stream' }, { reports_key, 'stream' },
  { fingerprints_key, 'stream' }, { merged_key, 'hash' }, { dropped_key, 'hash' },
}

local function take_publication()
  local p = { stream_id = take(), entry_id = take(), revision = take(), event_id = take() }
  p.packed, p.decision = take(), take()
  local event_count, message_count, stat_count = tonumber(take()), tonumber(take()), tonumber(take())
  p.gate = prefix .. ':gate:' .. p.entry_id
  p.events = take_many(event_count * 3)
  p.messages = take_messages(message_count, form)
  p.stats = take_many(stat_count)
  return p
end

local function write(p)
  redis.call('HSET', p.gate, p.revision, p.event_id)
  redis.call('PEXPIRE', p.gate, keep_ms)
  keep_events(prefix, p.events, merged_key, now, keep_ms)
  if p.packed ~= '' then
    redis.call('XADD', fingerprints_key, '*', 'f', p.packed, 'd', p.decision)
  end
  for _, message in ipairs(p.messages) do
    send(message, dropped_key, cap)
  end
  count(prefix, now, p.stats, keep_counts_ms)
  redis.call('XDEL', entries_key, p.stream_id)
end

-- Why this publication may not be applied now; nil if it may.
local function out_of_turn(p)
  local first = redis.call('XRANGE', entries_key, '-', '+', 'COUNT', 1)[1]
  if first and first[1] == p.stream_id then
    return nil
  end
  return #redis.call('XRANGE', entries_key, p.stream_id, p.stream_id) > 0 and 'order' or 'gone'
end

local function denied_messages(messages)
  for _, message in ipairs(messages) do
    for _, stream in ipairs(message.streams) do
      local bad = denied('XADD', stream, '*', 'f', 'v')
      if bad then
        return bad
      end
    end
  end
  return denied_channel(messages, 'channel')
end

local publications = {}
for i = 1, tonumber(take()) do
  publications[i] = take_publication()
end
local bad = wrong_type(wanted) or denied_write(prefix .. ':gate:', 'hash') or denied_write(prefix .. ':event:', 'string')
for _, p in ipairs(publications) do
  bad = bad or denied_messages(p.messages)
end
if bad then
  return redis.error_reply(bad)
end
if redis.call('HGET', leader_key, 'token') ~= token then
  return { {}, 'stale' }
end
local answers = {}
for i, p in ipairs(publications) do
  local before = redis.pcall('HGET', p.gate, p.revision)
  if is_refused(before) then
    own(p.gate, 'hash')
    before = false
  end
  if before then
    redis.call('XDEL', entries_key, p.stream_id)
    answers[i] = { before, '1' }
  else
    local why = out_of_turn(p)
    if why then
      return { answers, why }
    end
    write(p)
    answers[i] = { p.event_id, '0' }
  end
end
return { answers, 'done' }

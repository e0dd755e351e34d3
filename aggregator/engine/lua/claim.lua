-- Takes feeds whose time has come and whose host is free, with the host's only connection.
-- KEYS: due, token. ARGV: prefix, now, lease, spacing, limit, nonce, latest due time taken ('' = now), then id, host…
-- Answers {{{id, token, lease, state}…}, {{id, why, until}…}}; why: unknown, claimed, early, held, open, spaced,
-- unreadable (the key of the feed or of its host holds another type: `until` is the key then).
-- A repeat with the same nonce answers with the same claims. All is read before the first write.
local due_key, token_key = KEYS[1], KEYS[2]
local prefix, now = take(), now_ms(take())
local lease, spacing, limit = tonumber(take()), tonumber(take()), tonumber(take())
local nonce, latest = take(), take()
latest = latest == '' and now or tonumber(latest)
local lapses = now + lease
local furthest = math.max(2 * lease, 3600000) -- other workers may have longer leases
local claims, skipped, writes, taken = {}, {}, {}, {}

-- Why the host is not free, and until when.
local function closed(host)
  if taken[host] then
    return 'spaced', whole(now + spacing)
  end
  local key = prefix .. ':host:' .. host
  local gate = fields_of(key, 'held', 'next', 'token', 'lapses')
  if not gate then
    return 'unreadable', key
  elseif numeric(gate[1]) > now then
    return 'held', gate[1]
  elseif gate[3] and ahead(gate[4], now, furthest) then
    return 'open', gate[4]
  elseif ahead(gate[2], now, furthest) then
    return 'spaced', gate[2]
  end
  return nil
end

-- Why the feed cannot be taken, and until when.
local function barred(score, lease_ms, host)
  if not score then
    return 'unknown', '0'
  elseif ahead(lease_ms, now, furthest) then
    return 'claimed', whole(lease_ms)
  elseif tonumber(score) > latest then
    return 'early', score
  elseif host ~= '' then
    return closed(host)
  end
  return nil
end

local token = redis.call('GET', token_key)
while position < #ARGV and #claims < limit do
  local id, host = take(), take()
  local feed = fields_of(prefix .. ':feed:' .. id, 'token', 'lease', 'nonce', 'state')
  local lease_ms = numeric(feed and feed[2])
  if not feed then
    skipped[#skipped + 1] = { id, 'unreadable', prefix .. ':feed:' .. id }
  elseif feed[3] == nonce and lease_ms > now then
    claims[#claims + 1] = { id, feed[1], whole(lease_ms), feed[4] }
    taken[host] = true
  else
    local why, free_at = barred(redis.call('ZSCORE', due_key, id), lease_ms, host)
    if why then
      skipped[#skipped + 1] = { id, why, free_at }
    else
      token = whole(token_after(token))
      taken[host] = true
      claims[#claims + 1] = { id, token, whole(lapses), feed[4] }
      writes[#writes + 1] = { id, host, token }
    end
  end
end

for _, write in ipairs(writes) do
  local id, host, mine = write[1], write[2], write[3]
  redis.call('HSET', prefix .. ':feed:' .. id, 'token', mine, 'lease', whole(lapses), 'nonce', nonce, 'host', host)
  redis.call('ZADD', due_key, 'XX', whole(lapses), id)
  if host ~= '' then
    local key = prefix .. ':host:' .. host
    redis.call('HSET', key, 'token', mine, 'lapses', whole(lapses), 'next', whole(now + spacing))
    -- It is not held, or it would not be taken.
    keep_host_until(key, now, false, now + spacing, lapses)
  end
end
if #writes > 0 then
  redis.call('SET', token_key, token)
end
return { claims, skipped }

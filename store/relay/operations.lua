-- What the relay does inside Redis: each call is one atomic step. store/relay/target.py calls it, one operation a call.
--
-- A value is "<version in base 36> <body>". An older version never replaces a newer one, so calls may come twice, late
-- and in any order. A hash says in "@l" as of which version it is whole: a field that is not there did not exist then,
-- so an older change has no business bringing it back. Nothing here makes the hash of a domain bit by bit.
--
-- Whoever writes says what that rests on, and is refused when it is no longer so: see "guard".
--
-- KEYS[1] is a key that is never there: for its sake a node of a Redis Cluster refuses the call as a whole while the slot
-- of all these keys is on its way to another node (ASK), instead of some commands in the middle of it.

local prefix = 'byname:{cache}:3:'
local state_key, hosted_key, lease_key = prefix .. 'state', prefix .. 'hosted', prefix .. 'lease'
local building_key = prefix .. 'building' -- who rebuilds: its token, for as long as it shows signs of life
local building_ms = 10000
local late_ms = 1000 -- so long after a relay looked what it writes may come in while there is a lease
local of_a_look = { repair = 1, seal = 1 } -- refused, as an apply is, where somebody looked later; a rebuild's are not
local at_once = 4000 -- words: no more than 8,000 fit on Lua's stack
local trail_bytes = 200 -- of counts in the trail: twelve at least

local function domain_key(domain)
  return prefix .. 'd:' .. domain
end

-- The version of a value; nil for no value, or one that is damaged and may be overwritten.
local function version_of(value)
  if type(value) ~= 'string' then return nil end
  local text = string.match(value, '^(%w+) ')
  return text and tonumber(text, 36)
end

-- A field of a hash; nil when there is none, or no hash but something else under that key.
local function read(key, field)
  local value = redis.pcall('HGET', key, field)
  return type(value) == 'string' and value or nil
end

local function is_older(key, field, version)
  local present = version_of(read(key, field))
  if present then return version < present end
  return version <= (version_of(read(key, '@l')) or 0)
end

local function is_gone(value)
  return string.sub(value, -2) == ' x'
end

-- Which version is the highest that this Redis has seen, and its nonce: a restored database cannot tell it.
local function saw(version, nonce)
  if version > tonumber(redis.call('HGET', state_key, 'version') or '0') then
    redis.call('HSET', state_key, 'version', string.format('%.0f', version), 'nonce', nonce)
  end
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function stale(why)
  return redis.error_reply('STALE ' .. why)
end

-- The writer looked at a certain build, which stands in "build" and which a rebuild changes at its begin and at its end;
-- since then the database may have been restored. It knows up to what the changes were counted: with fewer, some were
-- lost here. And it looked at a moment (0 for a rebuild, which has no lease to take care of): what comes much later, or
-- after somebody looked later, may be older than the lease allows, so that goes, until somebody has looked at both again.
-- A change that somebody who looked later did not find is applied, or gone with a restore; so may be what a repair or a
-- seal rests on. (A mark from the future is from before the clock jumped.)
local function guard(operation, build, counted, moment)
  if (read(state_key, 'build') or '') ~= build then return stale('the cache was built anew') end
  if tonumber(read(state_key, 'applied') or '0') < tonumber(counted) then return stale('the cache lost changes') end
  local now, vouched = now_ms(), tonumber(read(state_key, 'vouched') or '0')
  local is_overtaken = tonumber(moment) < vouched and vouched <= now
  if is_overtaken and (operation == 'apply' or moment ~= '0' and of_a_look[operation]) then
    return stale('somebody looked later')
  end
  if moment ~= '0' and (is_overtaken or now > moment + late_ms) then
    redis.call('DEL', lease_key)
    redis.call('HSET', state_key, 'late', string.format('%.0f', now))
  end
end

-- Notes that somebody who looked at a moment has found all that there was, or brings the oldest of it.
local function looked(moment)
  local now, vouched = now_ms(), tonumber(read(state_key, 'vouched') or '0')
  if tonumber(moment) > vouched or vouched > now then
    redis.pcall('HSET', state_key, 'vouched', moment) -- with a full memory it stays as it was
  end
end

-- The counts that applies led to here, the last of them, each with a space before it; and up to which count nobody can
-- tell. A count goes on by a random number, so another history, before this Redis went back in time, has others. The
-- trail says how far it goes: where that is not what was counted, an older relay wrote, and left none.
local function trail()
  local applied = read(state_key, 'applied') or '0'
  local up_to, floor, counts = string.match(read(state_key, 'trail') or '', '^(%d+) (%d+)([%d ]*)$')
  if up_to ~= applied then return applied, '' end
  return floor, counts
end

local function leave_trail(applied, floor, counts)
  redis.call('HSET', state_key, 'trail', string.format('%.0f ', applied) .. floor .. counts)
end

-- Counts what is written, by a random step an apply.
local function count(step, is_apply)
  local floor, counts = trail()
  local applied = redis.call('HINCRBY', state_key, 'applied', step)
  if is_apply then counts = counts .. string.format(' %.0f', applied) end
  if #counts > trail_bytes then floor, counts = string.match(counts, '^ (%d+)(.*)$') end
  leave_trail(applied, floor, counts)
end

-- Whether all these counts were come to in this history, as far as anybody can tell.
local function knows(marks)
  local floor, counts = trail()
  for mark in string.gmatch(marks, '%d+') do
    local is_there = string.find(counts .. ' ', ' ' .. mark .. ' ', 1, true)
    if not is_there and tonumber(mark) > tonumber(floor) then return false end
  end
  return true
end

local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end

-- A hash that is there although the list says "gone", or nothing, is from before: the domain must come in anew.
local function list(domain, value, version)
  if not read(hosted_key, '@l') then return 'rebuild' end
  if is_older(hosted_key, domain, version) then return 'older' end
  local listed = read(hosted_key, domain)
  if is_gone(value) or not listed or is_gone(listed) then redis.call('UNLINK', domain_key(domain)) end
  if not is_gone(value) and not read(domain_key(domain), '@') then return 'load' end
  redis.call('HSET', hosted_key, domain, value)
  return 'applied'
end

local function put(domain, field, value, version)
  local key = domain_key(domain)
  if not read(key, '@') then
    local listed = read(hosted_key, domain)
    local gone_as_of = not listed and read(hosted_key, '@l') or listed and is_gone(listed) and listed
    return version <= (version_of(gone_as_of) or 0) and 'older' or 'load'
  end
  if is_older(key, field, version) then return 'older' end
  redis.call('HSET', key, field, value)
  return 'applied'
end

local operations = {}

-- nonce, domain, field, value of each outbox row, then the step: the counter, and for each row applied, older, load or
-- rebuild.
function operations.apply(arguments)
  local answers = {}
  for at = 1, #arguments, 4 do
    local nonce, domain, field, value = unpack(arguments, at, at + 3)
    local version = version_of(value)
    local answer = field == '' and list(domain, value, version) or nil
    answer = answer or put(domain, field, value, version)
    if answer ~= 'load' and answer ~= 'rebuild' then saw(version, nonce) end
    answers[#answers + 1] = answer
  end
  return { tonumber(read(state_key, 'applied')), answers }
end

-- May the domain, as of a version, be put in whole? Not when something newer was applied here: that may have been a
-- change of this very domain, of which a hash that went away tells nothing any more.
local function installable(domain, version)
  if read(domain_key(domain), '@') then return 'present' end
  if version < tonumber(read(state_key, 'version') or '0') then return 'older' end
  if version < (version_of(read(hosted_key, domain)) or 0) then return 'older' end
  return nil
end

local function installed(domain, listed, nonce)
  redis.call('HSET', hosted_key, domain, listed)
  saw(version_of(listed), nonce)
  return 'applied'
end

-- domain, listed, nonce, then all fields with their values, of a hash that is not there: applied, present or older.
function operations.install(arguments)
  local domain, listed, nonce = unpack(arguments, 1, 3)
  local refusal = installable(domain, version_of(listed))
  if refusal then return refusal end
  redis.call('UNLINK', domain_key(domain))
  for at = 4, #arguments, at_once do
    redis.call('HSET', domain_key(domain), unpack(arguments, at, math.min(at + at_once - 1, #arguments)))
  end
  return installed(domain, listed, nonce)
end

-- The same from a key where the fields were gathered; lost when not all of them are there any more.
function operations.install_gathered(arguments)
  local domain, listed, nonce, gathered, count = unpack(arguments)
  if redis.call('HLEN', gathered) ~= tonumber(count) then return 'lost' end
  local refusal = installable(domain, version_of(listed))
  if refusal then
    redis.call('UNLINK', gathered)
    return refusal
  end
  redis.call('UNLINK', domain_key(domain))
  redis.call('RENAME', gathered, domain_key(domain))
  redis.call('PERSIST', domain_key(domain))
  return installed(domain, listed, nonce)
end

-- key, nonce, then field, value as it was seen ('' for none), value as it should be: how many were put right. A field
-- that has changed since it was seen is left alone, and one that was not there only gets a value newer than the hash.
function operations.repair(arguments)
  local key, nonce = arguments[1], arguments[2]
  if key ~= hosted_key and not read(key, '@') then return 0 end
  local done = 0
  for at = 3, #arguments, 3 do
    local field, seen, value = unpack(arguments, at, at + 2)
    local version = version_of(value)
    if (read(key, field) or '') == seen and (seen ~= '' or version >= (version_of(read(key, '@l')) or 0)) then
      redis.call('HSET', key, field, value)
      saw(version, nonce)
      done = done + 1
    end
  end
  return done
end

-- key, value of "@l", how many fields there were at least, then field and value of tombstones: the hash is whole as of
-- a version, older ones may go. With fewer fields it is not the hash that was looked at: a list of which nothing is
-- left must not be called whole. Nor is anything whole as of a version that nobody has applied yet.
function operations.seal(arguments)
  local key, whole, least = arguments[1], arguments[2], tonumber(arguments[3])
  if key ~= hosted_key and not read(key, '@') then return 0 end
  if redis.call('HLEN', key) < least then return 0 end
  local version = version_of(whole)
  if version < (version_of(read(key, '@l')) or 0) then return 0 end
  if read(state_key, 'built') == '1' and version > tonumber(read(state_key, 'version') or '0') then return 0 end
  redis.call('HSET', key, '@l', whole)
  for at = 4, #arguments, 2 do
    local field, seen = unpack(arguments, at, at + 1)
    if read(key, field) == seen and version_of(seen) <= version then redis.call('HDEL', key, field) end
  end
  return 1
end

-- domain: takes away the hash of a domain that the list does not have. None comes to be so but by damage, for list and
-- hash of a domain are put in and taken away together.
function operations.drop(arguments)
  local listed = read(hosted_key, arguments[1])
  if not listed and not read(hosted_key, '@l') then return 0 end
  if listed and not is_gone(listed) then return 0 end
  return redis.call('UNLINK', domain_key(arguments[1]))
end

-- token, build: a rebuild begins, unless there was another since that build. From here to its end nobody vouches for
-- what is here. The run id of this Redis; nothing when another rebuild is under way.
function operations.begin(arguments)
  local token, build = unpack(arguments)
  if (read(state_key, 'build') or '') ~= build then return stale('the cache was built anew') end
  if not redis.call('SET', building_key, token, 'NX', 'PX', building_ms) then return false end
  for _, key in ipairs({ state_key, hosted_key }) do
    if redis.call('TYPE', key).ok ~= 'hash' then redis.call('UNLINK', key) end
  end
  redis.call('DEL', lease_key)
  redis.call('HSET', state_key, 'built', '0', 'build', token)
  return run_id()
end

-- The rebuild goes on: 1, or 0 when it is no longer ours.
function operations.go_on(arguments)
  if redis.call('GET', building_key) ~= arguments[1] then return 0 end
  return redis.call('PEXPIRE', building_key, building_ms)
end

-- token, run id, epoch, version, nonce, stored counter, own counter: the rebuild is whole, unless Redis was emptied or
-- changed under it, or has counted less than the rebuild wrote. From now on it is another build, so that nobody takes it
-- for one that was not finished.
function operations.finish(arguments)
  local token, run, epoch, version, nonce, stored, counted = unpack(arguments)
  if redis.call('GET', building_key) ~= token or read(state_key, 'build') ~= token then return 0 end
  if run_id() ~= run or not read(hosted_key, '@l') then return 0 end
  local applied = tonumber(redis.call('HGET', state_key, 'applied') or '0')
  if applied < tonumber(counted) then return 0 end
  applied = math.max(applied, tonumber(stored))
  redis.call('HSET', state_key, 'built', '1', 'run', run, 'epoch', epoch, 'applied', string.format('%.0f', applied))
  redis.call('HSET', state_key, 'build', token .. '.')
  leave_trail(applied, string.format('%.0f', applied), '') -- all that was marked until now is in the rebuild
  redis.call('DEL', building_key)
  saw(tonumber(version), nonce)
  return 1
end

-- Lets a key live for so many ms after a moment; never shorter than it would, unless it would live too long after a
-- jump of the clock. PEXPIREAT works with a full memory too.
local function prolong(key, text, moment, life)
  local now, ends = now_ms(), moment + life
  local is_ours = redis.pcall('GET', key) == text
  local ends_now = is_ours and redis.call('PEXPIRETIME', key) or -1
  if not is_ours then
    redis.call('SET', key, text, 'PXAT', string.format('%.0f', ends))
  elseif ends_now < ends or ends_now > now + life then
    redis.call('PEXPIREAT', key, string.format('%.0f', ends))
  end
end

-- build, run id, epoch, counter, marks, lease text, the moment that all this is true of (ms), then for how long (ms)
-- after it lease, grace and sender grace are to live: 1, or 0 for a Redis that is not the one that was built, or has
-- lost what was applied. Refused when it was built anew since, or something came in late.
function operations.renew(arguments)
  local build, run, epoch, counted, marks, text, moment = unpack(arguments, 1, 7)
  if (read(state_key, 'build') or '') ~= build then return stale('the cache was built anew') end
  local late = tonumber(read(state_key, 'late') or '0')
  if tonumber(moment) <= late and late <= now_ms() then return stale('something came in late') end
  local state = redis.call('HMGET', state_key, 'built', 'run', 'epoch', 'applied')
  local sound = state[1] == '1' and state[2] == run and state[3] == epoch and tonumber(state[4]) >= tonumber(counted)
  if not sound or not knows(marks) or run_id() ~= run or not read(hosted_key, '@l') then
    redis.call('DEL', lease_key)
    return 0
  end
  looked(moment)
  for at, key in ipairs({ lease_key, prefix .. 'grace', prefix .. 'sender_grace' }) do
    prolong(key, at == 1 and text or '1', tonumber(moment), tonumber(arguments[7 + at]))
  end
  return 1
end

-- build: takes away the lease, for something is wrong here, unless it was rebuilt meanwhile.
function operations.stop(arguments)
  if redis.call('TYPE', state_key).ok ~= 'hash' then redis.call('UNLINK', state_key) end
  if (read(state_key, 'build') or '') ~= arguments[1] then return 0 end
  redis.call('DEL', lease_key)
  redis.call('HSET', state_key, 'built', '0')
  return 1
end

-- These end with what they rest on: build, counter, moment. Each counts, whatever comes of it, by one; an apply by the
-- step before those.
local guarded = { apply = 1, install = 1, install_gathered = 1, repair = 1, seal = 1, drop = 1 }

local operation = table.remove(ARGV, 1)
if guarded[operation] then
  local moment, counted, build = table.remove(ARGV), table.remove(ARGV), table.remove(ARGV)
  local refusal = guard(operation, build, counted, moment)
  if refusal then return refusal end
  local is_apply = operation == 'apply'
  count(is_apply and table.remove(ARGV) or 1, is_apply)
  if is_apply then looked(moment) end
end
return operations[operation](ARGV)

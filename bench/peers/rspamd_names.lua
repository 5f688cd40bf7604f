-- One rule for rspamd: it looks all recipients of a message up in the hash "names" of a Redis, when the body is there.
--
-- The milter of rspamd answers once, at the end of the message, so an unknown recipient cannot be refused at RCPT: the
-- rule refuses the whole message. What it decides about several recipients at once is the best that can be done there.
local lua_redis = require "lua_redis"

local place = lua_redis.parse_redis_server("names")

local function changes(recipients, mailboxes)
  local reply = { remove_headers = { ["Delivered-To"] = 0 }, del_rcpt = {}, add_rcpt = {} }
  for at, recipient in ipairs(recipients) do
    table.insert(reply.del_rcpt, "<" .. recipient.addr .. ">")
    table.insert(reply.add_rcpt, "<" .. mailboxes[at] .. ">")
  end
  if #recipients == 1 then
    reply.add_headers = { ["Delivered-To"] = { value = recipients[1].addr, order = 0 } }
  end
  return reply
end

local function judge(task)
  local recipients = task:get_recipients("smtp") or {}
  local question = { "names" }
  for _, recipient in ipairs(recipients) do
    table.insert(question, recipient.addr:lower())
  end
  local function answered(failure, mailboxes)
    if failure then
      task:set_pre_result("soft reject", "look-up failed")
      return
    end
    for at, _ in ipairs(recipients) do
      if type(mailboxes[at]) ~= "string" then
        task:set_pre_result("reject", "user unknown")
        return
      end
    end
    task:set_milter_reply(changes(recipients, mailboxes))
  end
  if #recipients > 0 and not lua_redis.redis_make_request(task, place, nil, false, answered, "HMGET", question) then
    task:set_pre_result("soft reject", "look-up failed")
  end
end

rspamd_config:register_symbol({ name = "NAMES", type = "prefilter", callback = judge })

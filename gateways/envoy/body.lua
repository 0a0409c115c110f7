-- What a chat body is to the filters: its own fields, and the body as it goes upstream.

-- Of the policy: the driver, and each endpoint's model as JSON writes it.
--{POLICY}
-- What `metadata` tells the router. None of it goes upstream, and the rest only where that is wished.
local HINTS = {
  task = true, tenant = true, session = true, channel = true, region = true, value_usd = true, deadline_ms = true,
}
local FORWARD = (os.getenv("WEIGHBRIDGE_FORWARD_METADATA") or ""):match("[^0%s]") ~= nil

local function text_end(body, start)
  local at = start + 1
  while true do
    local stop = string.find(body, '["\\]', at)
    if not stop then return nil end
    if string.byte(body, stop) == 34 then return stop end
    at = stop + 2
  end
end

-- The last place of the value that begins there.
local function value_end(body, start)
  local depth, at = 0, start
  if not string.find(body, '^["{%[]', start) then return string.match(body, "^[^%s,}%]]+()", start) - 1 end
  repeat
    at = string.find(body, '["{}%[%]]', at)
    if not at then return nil end
    local mark = string.sub(body, at, at)
    if mark == '"' then
      at = text_end(body, at)
      if not at then return nil end
    elseif mark == "{" or mark == "[" then
      depth = depth + 1
    else
      depth = depth - 1
    end
    at = at + 1
  until depth == 0
  return at - 1
end

-- The fields of a JSON object: name, and as JSON texts what stands before the value, and the value.
-- Nil where it is no whole object.
local function fields(body)
  local found = {}
  local at = string.match(body, "^%s*{%s*()")
  if not at then return nil end
  if string.find(body, "^}%s*$", at) then return found end
  while string.byte(body, at) == 34 do
    local stop = text_end(body, at)
    local value = stop and string.match(body, "^%s*:%s*()[^%s,}%]]", stop + 1)
    local last = value and value_end(body, value)
    if not last then return nil end
    -- A letter may be written by its number.
    local name = string.gsub(string.sub(body, at + 1, stop - 1), "\\u00(%x%x)", function(code)
      return string.char(tonumber(code, 16))
    end)
    found[#found + 1] = { name = name, before = string.sub(body, at, value - 1), value = string.sub(body, value, last) }
    if string.find(body, "^%s*}%s*$", last + 1) then return found end
    at = string.match(body, "^%s*,%s*()", last + 1)
    if not at then return nil end
  end
  return nil
end

-- The object with what `change` makes of each value; nil leaves the field out.
local function written(parts, change)
  local kept = {}
  for _, part in ipairs(parts) do
    local value = change(part.name, part.value)
    if value then kept[#kept + 1] = part.before .. value end
  end
  return "{" .. table.concat(kept, ",") .. "}"
end

local function without_hints(metadata)
  local parts = FORWARD and fields(metadata) or {}
  local left = written(parts, function(name, value) return not HINTS[name] and value or nil end)
  return left ~= "{}" and left or nil
end

-- Puts the body in place that this endpoint gets. Objects are out of reach once Envoy has waited for
-- something, so they are fetched anew.
local function put(handle, body, endpoint)
  local parts = fields(body)
  if not parts then return end
  local sent = written(parts, function(name, value)
    if name == "model" then return MODEL[endpoint] end
    if name == "metadata" then return without_hints(value) end
    return value
  end)
  handle:headers():replace("content-length", tostring(handle:body():setBytes(sent)))
end

-- The body of a chat completion; nil for any other request.
local function chat(handle)
  local headers = handle:headers()
  local path = string.match(headers:get(":path") or "", "^[^?]*")
  if headers:get(":method") ~= "POST" or path ~= "/v1/chat/completions" then return nil end
  local held = handle:body()
  return held and held:getBytes(0, held:length()) or ""
end

-- Weighbridge in Envoy: asks the sidecar where a chat completion goes, and makes it so.
--
-- A request for the model `auto` is decided by the sidecar; one for an endpoint or model of the policy
-- goes there; any other goes to the driver as it is. The header x-weighbridge-endpoint picks the route,
-- so what a client sends under such a name is taken away first. Where the sidecar does not answer, the
-- driver does, with x-weighbridge-degraded: 1 and a line in the log.

local SIDECAR = "weighbridge"
local TIMEOUT_MS = 200
-- Of the policy: the driver; each endpoint's model as JSON writes it; the first endpoint of each name.
--{POLICY}

-- The places of the texts that a JSON object has under "model", its own and not those of what it holds.
local function models(body)
  local found, depth, place = {}, 0, 1
  local function text_end(start)
    local at = start + 1
    while true do
      local stop = string.find(body, '["\\]', at)
      if not stop then return nil end
      if string.byte(body, stop) == 34 then return stop end
      at = stop + 2
    end
  end
  while true do
    local at = string.find(body, '["{}%[%]]', place)
    if not at then return found end
    local mark = string.sub(body, at, at)
    place = at + 1
    if mark == '"' then
      local stop = text_end(at)
      if not stop then return found end
      place = stop + 1
      local value = depth == 1 and string.match(body, '^%s*:%s*()"', place)
      if value and string.sub(body, at + 1, stop - 1) == "model" then
        stop = text_end(value)
        if not stop then return found end
        found[#found + 1] = { from = value, to = stop, text = string.sub(body, value + 1, stop - 1) }
        place = stop + 1
      end
    elseif mark == "{" or mark == "[" then
      depth = depth + 1
    else
      depth = depth - 1
    end
  end
end

-- The body with every such text replaced.
local function with_model(body, places, json)
  for i = #places, 1, -1 do
    body = string.sub(body, 1, places[i].from - 1) .. json .. string.sub(body, places[i].to + 1)
  end
  return body
end

local function strip(headers)
  local own = {}
  for name in pairs(headers) do
    if string.sub(name, 1, 14) == "x-weighbridge-" then own[#own + 1] = name end
  end
  for _, name in ipairs(own) do headers:remove(name) end
end

-- The sidecar's answer to a chat completion: its headers, or nil and why not.
local function ask(handle, body, id)
  local asked = {
    [":method"] = "POST",
    [":path"] = "/v1/route",
    -- The sidecar's own name: without tokens it takes no other, since a web page would send one.
    [":authority"] = "localhost",
    ["content-type"] = "application/json",
    ["x-request-id"] = id,
  }
  local token = os.getenv("WEIGHBRIDGE_TOKEN")
  if token and token ~= "" then asked["authorization"] = "Bearer " .. token end
  local fine, headers, answer = pcall(function()
    return handle:httpCall(SIDECAR, asked, body, TIMEOUT_MS)
  end)
  if not fine then return nil, tostring(headers) end
  if headers[":status"] ~= "200" then
    return nil, "status " .. tostring(headers[":status"])
  end
  return headers
end

local function tell(handle, name, value)
  handle:streamInfo():dynamicMetadata():set("weighbridge", name, value)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  strip(headers)
  -- Objects are out of reach once Envoy has waited for something: what is needed later is read now.
  local id = headers:get("x-request-id")
  local path = string.match(headers:get(":path") or "", "^[^?]*")
  if headers:get(":method") ~= "POST" or path ~= "/v1/chat/completions" then return end
  local held = handle:body()
  if not held then return end
  local body = held:getBytes(0, held:length())
  local places = models(body)
  -- Where the name stands twice, the last one counts, as it does for whoever reads JSON.
  local name = #places > 0 and places[#places].text or nil
  local endpoint = name and FIRST[name]
  if name == "auto" then
    local answer, fault = ask(handle, body, id)
    if answer and answer["x-weighbridge-unanswered"] then
      tell(handle, "unanswered", "1")
      handle:respond(
        { [":status"] = "400", ["content-type"] = "application/json" },
        '{"error":{"message":"the policy sends this request to no endpoint that may take it",'
          .. '"type":"invalid_request_error","param":null,"code":"unanswered"}}\n'
      )
      return
    end
    endpoint = answer and answer["x-weighbridge-endpoint"]
    if answer and not MODEL[endpoint or ""] then
      fault = "it names the endpoint " .. tostring(endpoint) .. ", which this configuration does not have"
      endpoint = nil
    end
    if not endpoint then
      handle:logErr("weighbridge: DEGRADED: the sidecar did not decide, the driver answers: " .. tostring(fault))
      endpoint = DRIVER
      tell(handle, "degraded", "1")
    elseif answer["x-weighbridge-propensity"] then
      tell(handle, "propensity", answer["x-weighbridge-propensity"])
    end
    tell(handle, "endpoint", endpoint)
  end
  if not endpoint then return end
  -- Setting the header picks the route anew.
  headers = handle:headers()
  headers:replace("x-weighbridge-endpoint", endpoint)
  local length = handle:body():setBytes(with_model(body, places, MODEL[endpoint]))
  headers:replace("content-length", tostring(length))
end

function envoy_on_response(handle)
  local headers = handle:headers()
  strip(headers)
  local told = handle:streamInfo():dynamicMetadata():get("weighbridge")
  if not told then return end
  for _, name in ipairs({ "endpoint", "propensity", "degraded", "unanswered" }) do
    if told[name] then headers:add("x-weighbridge-" .. name, told[name]) end
  end
end

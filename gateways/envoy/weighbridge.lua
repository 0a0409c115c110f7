-- Weighbridge in Envoy: asks the sidecar where a chat completion goes, and makes it so.
--
-- A request for the model `auto` is decided by the sidecar, one for an endpoint, model or role of the policy
-- goes there, and what is wrong in a request is answered in the sidecar's own words. The header
-- x-weighbridge-endpoint picks the route, so what a client sends under such a name is taken away first.
-- Where the sidecar does not answer, the driver does, with x-weighbridge-degraded and a line in the log.

local SIDECAR = "weighbridge"
local TIMEOUT_MS = 200
-- Statuses that say what is wrong with the request itself.
local REFUSED = { ["400"] = true, ["404"] = true, ["413"] = true }
--{BODY}

local function strip(headers)
  local own = {}
  for name in pairs(headers) do
    if string.sub(name, 1, 14) == "x-weighbridge-" then own[#own + 1] = name end
  end
  for _, name in ipairs(own) do headers:remove(name) end
end

-- The sidecar's answer to a chat completion, headers and body, or nil and why there is none.
local function ask(handle, body, id)
  local asked = {
    [":method"] = "POST",
    [":path"] = "/v1/route/v1/chat/completions",
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
  local status = headers[":status"]
  if status ~= "200" and not REFUSED[status] then return nil, "status " .. tostring(status) end
  return headers, answer
end

local function tell(handle, name, value)
  handle:streamInfo():dynamicMetadata():set("weighbridge", name, value)
end

local function refuse(handle, status, body)
  handle:respond({ [":status"] = status, ["content-type"] = "application/json" }, body)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  strip(headers)
  local id = headers:get("x-request-id")
  local body = chat(handle)
  if not body then
    tell(handle, "degraded", "path")
    return
  end
  local answer, said = ask(handle, body, id)
  if answer and answer[":status"] ~= "200" then return refuse(handle, answer[":status"], said) end
  if answer and answer["x-weighbridge-unanswered"] then
    tell(handle, "unanswered", "1")
    return refuse(
      handle,
      "400",
      '{"error":{"message":"the policy sends this request to no endpoint that may take it",'
        .. '"type":"invalid_request_error","param":null,"code":"unanswered"}}\n'
    )
  end
  local endpoint = answer and answer["x-weighbridge-endpoint"]
  if answer and not MODEL[endpoint or ""] then
    said = "it names the endpoint " .. tostring(endpoint) .. ", which this configuration does not have"
    endpoint = nil
  end
  if not endpoint then
    handle:logErr("weighbridge: DEGRADED: the sidecar did not decide, the driver answers: " .. tostring(said))
    endpoint = DRIVER
    tell(handle, "degraded", "sidecar")
    tell(handle, "endpoint", endpoint)
  elseif answer["x-weighbridge-propensity"] then -- of a named model nothing was decided
    tell(handle, "propensity", answer["x-weighbridge-propensity"])
    tell(handle, "endpoint", endpoint)
  end
  -- Setting the header picks the route anew.
  handle:headers():replace("x-weighbridge-endpoint", endpoint)
  if body ~= "" then put(handle, body, endpoint) end
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

-- Weighbridge in Envoy, behind ext_authz, which cannot write a body: writes the one that the endpoint gets
-- that the sidecar chose. Where the sidecar did not answer that is the driver.

--{BODY}

function envoy_on_request(handle)
  local endpoint = handle:headers():get("x-weighbridge-endpoint") or DRIVER
  local body = chat(handle)
  if body and body ~= "" and MODEL[endpoint] then put(handle, body, endpoint) end
end

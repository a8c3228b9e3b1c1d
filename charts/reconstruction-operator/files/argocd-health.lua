-- Health of a ReconstructionJob for Argo CD.
local health = {status = "Progressing", message = "Waiting for the operator."}
local status = obj.status
if status == nil or status.conditions == nil then
  return health
end
if status.observedGeneration ~= obj.metadata.generation then
  health.message = "Waiting for the operator to see the latest change."
  return health
end

local found = {}
for _, condition in ipairs(status.conditions) do
  found[condition.type] = condition
end

local function is(kind, value)
  return found[kind] ~= nil and found[kind].status == value
end

local function because(kind)
  local message = found[kind].message
  if message == nil or message == "" then
    return found[kind].reason
  end
  return found[kind].reason .. ": " .. message
end

if is("Succeeded", "True") then
  health = {status = "Healthy", message = because("Succeeded")}
elseif is("Succeeded", "False") then
  health = {status = "Degraded", message = because("Succeeded")}
elseif is("Stalled", "True") then
  health = {status = "Degraded", message = because("Stalled")}
elseif is("Suspended", "True") then
  health = {status = "Suspended", message = because("Suspended")}
elseif is("Admitted", "False") then
  health.message = because("Admitted")
else
  local percent = 0
  if status.progress ~= nil and status.progress.percent ~= nil then
    percent = status.progress.percent
  end
  health.message = (status.stage or "starting") .. ", " .. string.format("%d", percent) .. " %"
end
return health

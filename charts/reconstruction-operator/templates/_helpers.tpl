{{- /*
Completes the values; every template begins with it. A value is missing after `helm upgrade --reuse-values` from a release
that did not have it, and where a section of somebody's file is empty (`settings:`), which Helm takes for "no settings".
Lists and free mappings that are missing are meant to be empty. A null within them takes a default away; after
--reuse-values Helm leaves it there.
*/ -}}
{{- define "reconstruction.values" -}}
{{- $defaults := .Files.Get "files/defaults.json" | fromJson }}
{{- include "reconstruction.group" (dict "values" .Values "defaults" $defaults.values "free" $defaults.freeForm "path" "") }}
{{- end }}

{{- define "reconstruction.group" -}}
{{- range $name, $default := .defaults }}
{{- $value := index $.values $name }}
{{- $path := printf "%s%s" $.path $name }}
{{- if has $path $.free }}
{{- include "reconstruction.withoutNulls" $value }}
{{- else if kindIs "invalid" $default }}
{{- else if kindIs "invalid" $value }}
{{- $_ := set $.values $name (deepCopy $default) }}
{{- else if kindIs "map" $default }}
{{- include "reconstruction.group" (dict "values" $value "defaults" $default "free" $.free "path" (printf "%s." $path)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "reconstruction.withoutNulls" -}}
{{- if kindIs "map" . }}
{{- range $name, $value := . }}
{{- if kindIs "invalid" $value }}{{ $_ := unset $ $name }}{{ else }}{{ include "reconstruction.withoutNulls" $value }}{{ end }}
{{- end }}
{{- else if kindIs "slice" . }}
{{- range . }}{{ include "reconstruction.withoutNulls" . }}{{ end }}
{{- end }}
{{- end }}

{{- define "reconstruction.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "reconstruction.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "reconstruction.labels" -}}
{{ include "reconstruction.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "reconstruction.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "reconstruction.name" .) }}
{{- else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- /* Fixed or PlatformAssigned. */ -}}
{{- define "reconstruction.podUser" -}}
{{- if ne .Values.podUser "Auto" }}{{ .Values.podUser }}
{{- else if .Capabilities.APIVersions.Has "security.openshift.io/v1" }}PlatformAssigned
{{- else }}Fixed{{ end }}
{{- end }}

{{- /* How the pods are spread, as YAML; empty for one pod, which has nothing to be apart from. */ -}}
{{- define "reconstruction.topologySpread" -}}
{{- $constraints := .Values.topologySpreadConstraints }}
{{- if kindIs "invalid" $constraints }}
{{- $constraints = list }}
{{- if gt (int .Values.replicas) 1 }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
{{- $constraints = append $constraints (dict "topologyKey" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $constraints }}
{{- $constraint := merge (deepCopy .) (dict "maxSkew" 1 "whenUnsatisfiable" "ScheduleAnyway") }}
{{- if not (hasKey $constraint "labelSelector") }}
{{- $_ := set $constraint "labelSelector" (dict "matchLabels" (include "reconstruction.selector" $ | fromYaml)) }}
{{- end }}
- {{- toYaml $constraint | nindent 2 }}
{{- end }}
{{- end }}

{{- define "reconstruction.defaultProfileConfigMap" -}}
{{- printf "%s-default-profile" (include "reconstruction.name" .) }}
{{- end }}

{{- define "reconstruction.progressUrl" -}}
{{- .Values.progress.url | default (printf "http://%s.%s.svc:%v" (include "reconstruction.name" .) .Release.Namespace .Values.service.port) }}
{{- end }}

{{- /*
Peers of a NetworkPolicy's rule. Blocks of all addresses leave out the metadata services of clouds, whoever wrote them:
Azure, AWS, Google and others; AWS' credentials of tasks and pods; the same behind NAT64.
*/ -}}
{{- define "reconstruction.withoutMetadata" -}}
{{- $four := list "168.63.129.16/32" "169.254.169.254/32" "169.254.170.2/32" "169.254.170.23/32" }}
{{- $six := list "64:ff9b::a83f:8110/128" "64:ff9b::a9fe:a9fe/128" "64:ff9b::a9fe:aa02/128" "64:ff9b::a9fe:aa17/128" "fd00:ec2::/32" "fd20:ce::/32" }}
{{- $holes := dict "0.0.0.0/0" $four "::/0" $six }}
{{- $peers := list }}
{{- range . }}
{{- $peer := deepCopy . }}
{{- $block := $peer.ipBlock | default dict }}
{{- if hasKey $holes (toString $block.cidr) }}
{{- $_ := set $block "except" (concat ($block.except | default list) (get $holes $block.cidr) | uniq) }}
{{- end }}
{{- $peers = append $peers $peer }}
{{- end }}
{{- toYaml $peers }}
{{- end }}

{{- /* What the operator may do with the objects of the namespaces it serves. */ -}}
{{- define "reconstruction.namespaceRules" -}}
- apiGroups: [reconstruction.dev]
  resources: [reconstructionjobs, reconstructionprofiles]
  verbs: [get, list, watch]
- apiGroups: [reconstruction.dev]
  resources: [reconstructionjobs] # when spec.retention.jobSeconds has elapsed
  verbs: [delete]
- apiGroups: [reconstruction.dev]
  resources: [reconstructionjobs/status]
  verbs: [update]
- apiGroups: [reconstruction.dev]
  resources: [reconstructionjobs/finalizers] # to own children with blockOwnerDeletion
  verbs: [update]
- apiGroups: [apps] # the profile that a job was accepted with, kept apart from its status
  resources: [controllerrevisions]
  verbs: [get, create]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods] # deleted when a job is cancelled: the hardware is free at once
  verbs: [get, list, watch, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims] # patched when a restored workspace becomes the restored job's
  verbs: [get, list, watch, create, patch, delete]
{{- if .Values.notifications.enabled }}
- apiGroups: [""]
  resources: [secrets] # keys that sign notifications
  verbs: [get]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
- apiGroups: [""]
  resources: [events] # why a pod or a volume is not made is said nowhere else
  verbs: [list]
- apiGroups: [kueue.x-k8s.io]
  resources: [workloads] # why Kueue holds a job back
  verbs: [list]
{{- end }}

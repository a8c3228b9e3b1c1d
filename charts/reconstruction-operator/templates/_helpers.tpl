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

{{- define "reconstruction.progressUrl" -}}
{{- .Values.progress.url | default (printf "http://%s.%s.svc:%v" (include "reconstruction.name" .) .Release.Namespace .Values.service.port) }}
{{- end }}

{{- /* What the operator may do with the objects of the namespaces it serves. */ -}}
{{- define "reconstruction.namespaceRules" -}}
- apiGroups: [reconstruction.dev]
  resources: [reconstructionjobs, reconstructionprofiles]
  verbs: [get, list, watch]
- apiGroups: [reconstruction.dev]
  resources: [reconstructionjobs] # when spec.retention.jobSeconds is over
  verbs: [delete]
- apiGroups: [reconstruction.dev]
  resources: [reconstructionjobs/status]
  verbs: [update]
- apiGroups: [reconstruction.dev]
  resources: [reconstructionjobs/finalizers] # to own children with blockOwnerDeletion
  verbs: [update]
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

{{- define "metaproto.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* The release's own name where that says it already. */ -}}
{{- define "metaproto.fullname" -}}
{{- $name := include "metaproto.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* What belongs to no namespace is told apart by it. */ -}}
{{- define "metaproto.clusterName" -}}
{{- printf "%s-%s" (include "metaproto.fullname" .) .Release.Namespace | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "metaproto.selectorLabels" -}}
app.kubernetes.io/name: {{ include "metaproto.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The controller knows its own objects by `managed-by: metaproto`; these are Helm's. */ -}}
{{- define "metaproto.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "metaproto.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: control-plane
app.kubernetes.io/part-of: metaproto
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "metaproto.serviceAccountName" -}}
{{- default (ternary (include "metaproto.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "metaproto.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* True where the controller is the authority of the webhook's certificate. */ -}}
{{- define "metaproto.hasOwnAuthority" -}}
{{- if and .Values.webhook.enabled (not .Values.webhook.certificate.secretName) }}true{{ end }}
{{- end }}

{{/* The name of what the release makes: the release's name, with the chart's where it is not in it already. */}}
{{- define "aftercare.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 32 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that a Deployment selects by. They never change: a Deployment refuses that. */}}
{{- define "aftercare.releaseLabels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "aftercare.selectorLabels" -}}
{{ include "aftercare.releaseLabels" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Labels of every object: root, and component if it belongs to one. */}}
{{- define "aftercare.labels" -}}
{{ include "aftercare.releaseLabels" .root }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: aftercare
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* metadata of an object: root, name, and perhaps component and annotations. */}}
{{- define "aftercare.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "aftercare.labels" . | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "aftercare.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "aftercare.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* The image of a component: what its own settings say, the rest as for all. A digest wins over a tag. */}}
{{- define "aftercare.image" -}}
{{- $own := .c.image | default dict -}}
{{- $all := .root.Values.image -}}
{{- $repository := $own.repository | default (printf "%s/%s" $all.repository .c.program) -}}
{{- $registry := $own.registry | default $all.registry -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{- $repository -}}
{{- if $own.digest -}}
@{{ $own.digest }}
{{- else -}}
:{{ $own.tag | default $all.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The public address of the gateway, without a slash at its end. */}}
{{- define "aftercare.publicUrl" -}}
{{- trimSuffix "/" .Values.publicUrl -}}
{{- end -}}

{{/* Seconds that a request may take to end once it is no longer taken, a fact of the programs. */}}
{{- define "aftercare.drainTimeout" -}}20{{- end -}}

{{/* The container's and the pod's part of the restricted standard. The volume of photos belongs to the group. */}}
{{- define "aftercare.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "aftercare.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/*
The one pod template: root, c (a component), and for a job also args. Deployments, WorkerDeployments, migrations and the
set-up of Temporal all have it.
*/}}
{{- define "aftercare.podTemplate" -}}
{{- $root := .root -}}
{{- $c := .c -}}
{{- $job := hasKey . "args" -}}
{{- $component := ternary (printf "%s-job" $c.component) $c.component $job -}}
{{- $context := dict "root" $root "c" $c "job" $job -}}
metadata:
  labels:
    {{- include "aftercare.selectorLabels" (dict "root" $root "component" $component) | nindent 4 }}
    app.kubernetes.io/part-of: aftercare
    aftercare.dev/program: {{ $c.program }}
    {{- if and $root.Values.telemetry.metrics.enabled (not $job) }}
    aftercare.dev/metrics: "true"
    {{- end }}
    {{- with $root.Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with $c.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $c.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- if or (not $job) (not $root.Values.serviceAccount.create) }}
  serviceAccountName: {{ include "aftercare.serviceAccountName" $root }}
  {{- end }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    {{- include "aftercare.podSecurity" $root | nindent 4 }}
  {{- if $job }}
  restartPolicy: Never
  {{- else }}
  terminationGracePeriodSeconds: {{ int $c.grace }}
  {{- with include "aftercare.topologySpread" $context }}
  topologySpreadConstraints:
    {{- . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with $c.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $c.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $c.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $c.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ $c.program }}
      image: {{ include "aftercare.image" (dict "root" $root "c" $c) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      {{- with .args }}
      args: {{ toJson . }}
      {{- end }}
      env:
        {{- include "aftercare.env" $context | trim | nindent 8 }}
      {{- with $c.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if not $job }}
      ports:
        - {name: http, containerPort: {{ int $c.port }}}
        {{- if $root.Values.telemetry.metrics.enabled }}
        - {name: metrics, containerPort: {{ include "aftercare.metricsPort" $root }}}
        {{- end }}
      startupProbe:
        httpGet: {path: /livez, port: http}
        {{- toYaml $c.startupProbe | nindent 8 }}
      livenessProbe:
        httpGet: {path: /livez, port: http}
        {{- toYaml $c.livenessProbe | nindent 8 }}
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        {{- toYaml $c.readinessProbe | nindent 8 }}
      {{- end }}
      resources:
        {{- toYaml $c.resources | nindent 8 }}
      securityContext:
        {{- include "aftercare.containerSecurity" $root | nindent 8 }}
      {{- with include "aftercare.volumeMounts" $context | trim }}
      volumeMounts:
        {{- . | nindent 8 }}
      {{- end }}
  {{- with include "aftercare.volumes" $context | trim }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Pods of a component go to different nodes and zones where there are such; a list in the values takes its place. */}}
{{- define "aftercare.topologySpread" -}}
{{- $labels := include "aftercare.selectorLabels" (dict "root" .root "component" .c.component) | fromYaml -}}
{{- range .c.topologySpreadConstraints }}
- {{ toJson (merge (dict) . (dict "labelSelector" (dict "matchLabels" $labels))) }}
{{- end -}}
{{- end -}}

{{/* true if files of the connection to Temporal are needed */}}
{{- define "aftercare.hasTemporalFiles" -}}
{{- $tls := .root.Values.temporal.tls -}}
{{- $certificate := and $tls.clientCertificate (ne (include "aftercare.isControlled" .) "true") -}}
{{- and (.c.temporal | default false) $tls.enabled (or $certificate $tls.privateAuthority) -}}
{{- end -}}

{{- define "aftercare.volumeMounts" -}}
{{- if eq (include "aftercare.hasTemporalFiles" .) "true" }}
- {name: temporal, mountPath: {{ include "aftercare.temporalFiles" . }}, readOnly: true}
{{- end }}
{{- if and .c.evidence (not .job) }}
- {name: evidence, mountPath: {{ include "aftercare.evidenceDirectory" . }}}
{{- end }}
{{- with .c.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "aftercare.volumes" -}}
{{- if eq (include "aftercare.hasTemporalFiles" .) "true" }}
- name: temporal
  secret:
    secretName: {{ include "aftercare.secret" (dict "root" .root "section" "temporal.tls") }}
    defaultMode: 0440
{{- end }}
{{- if and .c.evidence (not .job) }}
{{- $e := .root.Values.evidence }}
- name: evidence
  {{- if eq $e.storage "ephemeral" }}
  emptyDir: {sizeLimit: {{ $e.volume.size }}}
  {{- else }}
  persistentVolumeClaim: {claimName: {{ $e.volume.existingClaim | default (printf "%s-evidence" (include "aftercare.fullname" .root)) }}}
  {{- end }}
{{- end }}
{{- with .c.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

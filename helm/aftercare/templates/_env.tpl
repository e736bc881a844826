{{/*
The name of the Secret for a section of the values (root, section "smtp" or "database.order"): its own existingSecret, or
that of the release.
*/}}
{{- define "aftercare.secret" -}}
{{- $at := .root.Values -}}
{{- range splitList "." .section }}{{ $at = get $at . | default dict }}{{ end -}}
{{- $shared := ternary .root.Values.database.existingSecret "" (hasPrefix "database." .section) -}}
{{- $at.existingSecret | default $shared | default .root.Values.existingSecret -}}
{{- end -}}

{{/* Variables from a Secret (root, section, names): every key has the name of its variable. */}}
{{- define "aftercare.secretVariables" -}}
{{- $secret := include "aftercare.secret" . -}}
{{- range .names }}
- name: {{ . }}
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ . }}}
{{- end -}}
{{- end -}}

{{/* Variables that are not secret (root, section, values): one without a value is read from the Secret as well. */}}
{{- define "aftercare.openVariables" -}}
{{- $secret := include "aftercare.secret" . -}}
{{- range $name, $value := .values }}
- name: {{ $name }}
{{- if $value }}
  value: {{ $value | quote }}
{{- else }}
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ $name }}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Variables that are left to the program's default when they have no value: a map. */}}
{{- define "aftercare.optionalVariables" -}}
{{- range $name, $value := . }}
{{- if $value }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end -}}
{{- end -}}

{{/* All variables of a container (root, c), those of extraEnv last and in the place of ours. */}}
{{- define "aftercare.env" -}}
{{- $given := dict -}}
{{- range .c.extraEnv }}{{ $_ := set $given .name true }}{{ end -}}
{{- range include "aftercare.ownEnv" . | fromYamlArray }}
{{- if not (hasKey $given .name) }}
- {{ toJson . }}
{{- end }}
{{- end }}
{{- with .c.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "aftercare.ownEnv" -}}
- {name: LOG_LEVEL, value: {{ .root.Values.log.level }}}
- {name: LOG_FORMAT, value: {{ .root.Values.log.format }}}
{{- include "aftercare.telemetryEnv" . }}
{{- if .c.database }}
{{- include "aftercare.databaseEnv" . }}
{{- end }}
{{- if .c.temporal }}
{{- include "aftercare.temporalEnv" . }}
{{- end }}
{{- if not .job }}
{{- include "aftercare.processEnv" . }}
{{- else if .c.worker }}
- {name: SETUP_NAMESPACE, value: {{ .root.Values.temporal.setup.createNamespace | quote }}}
- {name: SETUP_RETENTION, value: {{ .root.Values.temporal.setup.retention | quote }}}
- {name: RECONCILE_SCHEDULE, value: {{ .root.Values.temporal.setup.reconcileSchedule | quote }}}
{{- end }}
{{- end -}}

{{- define "aftercare.databaseEnv" }}
{{- $section := ternary "migrations" (printf "database.%s" .c.key) (and .job (ne .root.Values.migrations.existingSecret "")) }}
- {name: {{ .c.variable }}_DATABASE_DRIVER, value: mysql}
{{- include "aftercare.secretVariables" (dict "root" .root "section" $section
    "names" (list (printf "%s_DATABASE_DSN" .c.variable))) }}
{{- end -}}

{{/* What a process needs beyond its jobs: root, c. */}}
{{- define "aftercare.processEnv" }}
{{- $root := .root }}
{{- $c := .c }}
- {name: {{ $c.variable }}_LISTEN, value: {{ printf ":%d" (int $c.port) | quote }}}
{{- if $c.drains }}
- {name: {{ $c.variable }}_DRAIN_DELAY, value: {{ printf "%ds" (int $root.Values.drainDelaySeconds) | quote }}}
{{- end }}
{{- if $c.database }}
- {name: {{ $c.variable }}_MIGRATE, value: "false"}
{{- end }}
{{- range $c.calls }}
- {name: {{ upper . }}_URL, value: {{ include "aftercare.url" (dict "root" $root "key" .) | quote }}}
{{- end }}
{{- if ne $c.program "codec" }}
{{- include "aftercare.serviceTokenEnv" . }}
{{- end }}
{{- if and $root.Values.payloadEncryption.enabled (has $c.program (list "gateway" "worker" "codec")) }}
{{- include "aftercare.secretVariables" (dict "root" $root "section" "payloadEncryption" "names" (list "PAYLOAD_KEYS")) }}
{{- end }}
{{- if has $c.program (list "order" "logistics" "cases" "notification") }}
{{- include "aftercare.personalEnv" . }}
{{- end }}
{{- if has $c.program (list "gateway" "codec") }}
{{- include "aftercare.optionalVariables" (dict "OIDC_ISSUERS" $root.Values.jwt.oidcIssuers) }}
{{- if eq (include "aftercare.takesGivenKeys" $root) "true" }}
{{- include "aftercare.openVariables" (dict "root" $root "section" "jwt" "values" (dict "JWT_ISSUER" $root.Values.jwt.issuer
    "JWT_AUDIENCE" $root.Values.jwt.audience "JWT_PUBLIC_KEYS" $root.Values.jwt.publicKeys)) }}
{{- end }}
{{- end }}
{{- if has $c.program (list "worker" "logistics" "payment" "cases" "notification" "codec") }}
{{- include (printf "aftercare.%sEnv" $c.program) . }}
{{- end }}
{{- end -}}

{{/* Keys of people's data, and how long it is kept: root, c. Only the order service finds phone numbers. */}}
{{- define "aftercare.personalEnv" -}}
{{- $p := .root.Values.personalData -}}
{{- $r := .root.Values.retention -}}
{{- if $p.enabled }}
{{- include "aftercare.secretVariables" (dict "root" .root "section" "personalData"
    "names" (ternary (list "PERSONAL_DATA_KEYS" "PERSONAL_DATA_INDEX_KEY") (list "PERSONAL_DATA_KEYS") (eq .c.program "order"))) }}
- {name: PERSONAL_DATA_SEAL, value: {{ $p.seal | quote }}}
{{- end }}
{{- if has .c.program (list "order" "logistics") }}
- {name: RETENTION_CONTACTS_DAYS, value: {{ $r.contactsDays | int | quote }}}
{{- else if eq .c.program "notification" }}
- {name: RETENTION_MESSAGES_DAYS, value: {{ $r.messagesDays | int | quote }}}
{{- else }}
- {name: RETENTION_PHOTOS_DAYS, value: {{ $r.photosDays | int | quote }}}
- {name: RETENTION_TRANSACTIONS_DAYS, value: {{ $r.transactionsDays | int | quote }}}
{{- end }}
{{- end -}}

{{/* true if tokens are checked by keys that are given here, and not only by those that issuers publish. */}}
{{- define "aftercare.takesGivenKeys" -}}
{{- or (not .Values.jwt.oidcIssuers) (ne .Values.jwt.issuer "") -}}
{{- end -}}

{{/* How processes know each other: root, c. The Secret's key of a token has the name of the process, which shares its Pod with
nobody. */}}
{{- define "aftercare.serviceTokenEnv" -}}
{{- if not .root.Values.serviceToken.perProcess }}
{{- include "aftercare.secretVariables" (dict "root" .root "section" "serviceToken" "names" (list "SERVICE_TOKEN")) }}
{{- else }}
- name: SERVICE_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "aftercare.secret" (dict "root" .root "section" "serviceToken") }}
      key: SERVICE_TOKEN_{{ upper .c.program }}
{{- if .c.database }}
{{- include "aftercare.secretVariables" (dict "root" .root "section" "serviceToken" "names" (list "SERVICE_CALLERS")) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What OpenTelemetry reads: root, c, and job: a job has no /metrics. */}}
{{- define "aftercare.telemetryEnv" -}}
{{- $t := .root.Values.telemetry -}}
{{- if $t.otlp.endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ $t.otlp.endpoint | quote }}}
- {name: OTEL_EXPORTER_OTLP_PROTOCOL, value: {{ $t.otlp.protocol }}}
- {name: OTEL_TRACES_SAMPLER, value: parentbased_traceidratio}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ $t.otlp.traceRatio | quote }}}
{{- if $t.otlp.headers }}
{{- include "aftercare.secretVariables" (dict "root" .root "section" "telemetry.otlp" "names" (list "OTEL_EXPORTER_OTLP_HEADERS")) }}
{{- end }}
{{- end }}
{{- if or $t.otlp.endpoint $t.metrics.enabled }}
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ printf "k8s.namespace.name=%s,k8s.pod.name=$(POD_NAME)" .root.Release.Namespace | quote }}
{{- end }}
{{- if .job }}
- {name: OTEL_METRICS_EXPORTER, value: none}
{{- else if $t.metrics.enabled }}
- {name: OTEL_METRICS_EXPORTER, value: prometheus}
- {name: OTEL_EXPORTER_PROMETHEUS_HOST, value: 0.0.0.0}
- {name: OTEL_EXPORTER_PROMETHEUS_PORT, value: {{ include "aftercare.metricsPort" . | quote }}}
{{- else }}
- {name: OTEL_METRICS_EXPORTER, value: {{ ternary "otlp" "none" (ne $t.otlp.endpoint "") }}}
{{- end }}
{{- end -}}

{{- define "aftercare.metricsPort" -}}9464{{- end -}}
{{- define "aftercare.temporalFiles" -}}/etc/aftercare/temporal{{- end -}}

{{/* true if the Temporal Worker Controller runs this component, and so gives it the variables of the connection. */}}
{{- define "aftercare.isControlled" -}}
{{- and (.c.worker | default false) (not .job) (eq .root.Values.workers.kind "WorkerDeployment") -}}
{{- end -}}

{{/* Where Temporal is and how to get in: root, c, job. */}}
{{- define "aftercare.temporalEnv" -}}
{{- $t := .root.Values.temporal -}}
{{- $files := include "aftercare.temporalFiles" . -}}
{{- if ne (include "aftercare.isControlled" .) "true" }}
- {name: TEMPORAL_ADDRESS, value: {{ $t.address | quote }}}
- {name: TEMPORAL_NAMESPACE, value: {{ $t.namespace | quote }}}
{{- if $t.apiKey.enabled }}
{{- include "aftercare.secretVariables" (dict "root" .root "section" "temporal.apiKey" "names" (list "TEMPORAL_API_KEY")) }}
{{- end }}
{{- if $t.tls.enabled }}
- {name: TEMPORAL_TLS, value: "true"}
{{- include "aftercare.optionalVariables" (dict "TEMPORAL_TLS_SERVER_NAME" $t.tls.serverName) }}
{{- if $t.tls.clientCertificate }}
- {name: TEMPORAL_TLS_CLIENT_CERT_PATH, value: {{ $files }}/tls.crt}
- {name: TEMPORAL_TLS_CLIENT_KEY_PATH, value: {{ $files }}/tls.key}
{{- end }}
{{- end }}
{{- else if and $t.tls.enabled (not $t.tls.clientCertificate) }}
- {name: TEMPORAL_TLS, value: "true"}
{{- end }}
{{- if and $t.tls.enabled $t.tls.privateAuthority }}
- {name: TEMPORAL_TLS_SERVER_CA_CERT_PATH, value: {{ $files }}/ca.crt}
{{- end }}
{{- end -}}

{{- define "aftercare.workerEnv" }}
{{- $w := .root.Values.workers }}
- {name: WORKER_QUEUES, value: {{ .c.queues | quote }}}
- {name: WORKER_STOP_TIMEOUT, value: {{ printf "%ds" (int $w.stopTimeoutSeconds) | quote }}}
- {name: WORKER_MAX_ACTIVITIES, value: {{ $w.maxActivities | int | quote }}}
{{- if and $w.versioning.enabled (eq $w.kind "Deployment") }}
- {name: TEMPORAL_DEPLOYMENT_NAME, value: {{ include "aftercare.deploymentName" .root | quote }}}
- {name: TEMPORAL_WORKER_BUILD_ID, value: {{ .c.buildId | default $w.versioning.buildId | quote }}}
{{- end }}
{{- end -}}

{{- define "aftercare.codecEnv" }}
{{- $codec := .root.Values.payloadEncryption.codec }}
- {name: CODEC_PUBLIC_URL, value: {{ trimSuffix "/" $codec.publicUrl | quote }}}
- {name: CODEC_TENANT, value: {{ $codec.tenant | quote }}}
- {name: CODEC_SAME_SITE, value: {{ $codec.cookieSameSite }}}
- {name: TEMPORAL_NAMESPACE, value: {{ .root.Values.temporal.namespace | quote }}}
{{- include "aftercare.optionalVariables" (dict "CODEC_ORIGINS" (join "," $codec.uiOrigins)) }}
{{- end -}}

{{/* The Worker Deployment as Temporal knows it. */}}
{{- define "aftercare.deploymentName" -}}
{{- .Values.workers.versioning.deploymentName | default (include "aftercare.fullname" .) -}}
{{- end -}}

{{- define "aftercare.logisticsEnv" -}}
{{- $v := .root.Values }}
- {name: CALLBACK_BASE_URL, value: {{ include "aftercare.publicUrl" .root | quote }}}
{{- with $v.kuaidi100 }}
{{- if .enabled }}
{{- include "aftercare.secretVariables" (dict "root" $.root "section" "kuaidi100" "names" (list "KUAIDI100_KEY" "KUAIDI100_SECRET")) }}
{{- include "aftercare.openVariables" (dict "root" $.root "section" "kuaidi100" "values" (dict "KUAIDI100_CUSTOMER" .customer)) }}
{{- include "aftercare.optionalVariables" (dict "KUAIDI100_BASE_URL" .baseUrl "KUAIDI100_PICKUP_CARRIER" .pickupCarrier "KUAIDI100_CARGO" .cargo) }}
{{- end }}
{{- end }}
{{- with $v.freightInsurance }}
{{- if .enabled }}
{{- include "aftercare.secretVariables" (dict "root" $.root "section" "freightInsurance"
    "names" (list "FREIGHT_INSURANCE_APP_SECRET" "FREIGHT_INSURANCE_CALLBACK_TOKEN")) }}
{{- include "aftercare.openVariables" (dict "root" $.root "section" "freightInsurance" "values" (dict "FREIGHT_INSURANCE_APP_ID" .appId)) }}
{{- include "aftercare.optionalVariables" (dict "FREIGHT_INSURANCE_BASE_URL" .baseUrl) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "aftercare.paymentEnv" -}}
{{- $p := .root.Values.wechatpay }}
{{- include "aftercare.secretVariables" (dict "root" .root "section" "wechatpay"
    "names" (list "WECHATPAY_PRIVATE_KEY" "WECHATPAY_APIV3_KEY")) }}
{{- include "aftercare.openVariables" (dict "root" .root "section" "wechatpay" "values" (dict
    "WECHATPAY_MCHID" $p.mchid "WECHATPAY_MERCHANT_SERIAL" $p.merchantSerial
    "WECHATPAY_PLATFORM_SERIAL" $p.platformSerial "WECHATPAY_PLATFORM_PUBLIC_KEY" $p.platformPublicKey)) }}
- {name: WECHATPAY_NOTIFY_URL, value: {{ include "aftercare.publicUrl" .root }}/callbacks/wechatpay}
{{- include "aftercare.optionalVariables" (dict "WECHATPAY_BASE_URL" $p.baseUrl) }}
{{- end -}}

{{- define "aftercare.notificationEnv" -}}
{{- $s := .root.Values.smtp }}
{{- include "aftercare.optionalVariables" (dict "NOTIFICATION_WEBHOOK_ALLOW_CIDRS" (join "," .root.Values.webhooks.allowCidrs)) }}
{{- if $s.address }}
- {name: NOTIFICATION_SMTP_ADDR, value: {{ $s.address | quote }}}
- {name: NOTIFICATION_SMTP_TLS, value: {{ $s.tls }}}
{{- include "aftercare.optionalVariables" (dict "NOTIFICATION_SMTP_FROM" $s.from) }}
{{- if $s.login }}
{{- include "aftercare.secretVariables" (dict "root" .root "section" "smtp"
    "names" (list "NOTIFICATION_SMTP_USERNAME" "NOTIFICATION_SMTP_PASSWORD")) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "aftercare.casesEnv" }}
- {name: CASES_EVIDENCE_DIRECTORY, value: {{ include "aftercare.evidenceDirectory" . }}}
{{- end -}}

{{- define "aftercare.evidenceDirectory" -}}/var/lib/aftercare/evidence{{- end -}}

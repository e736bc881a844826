{{/*
What there is to run. "calls" are the services that a component asks; the addresses it is given and the network
policies both come from here.
*/}}
{{- define "aftercare.table" -}}
{
  "gateway": {"component": "gateway", "program": "gateway", "variable": "GATEWAY", "port": 8080,
    "temporal": true, "drains": true, "public": true,
    "calls": ["order", "logistics", "payment", "cases", "notification"]},
  "worker": {"component": "worker", "program": "worker", "variable": "WORKER", "port": 8090,
    "temporal": true, "worker": true, "queues": "cases",
    "calls": ["order", "logistics", "payment", "cases", "notification"]},
  "moneyWorker": {"component": "money-worker", "program": "worker", "variable": "WORKER", "port": 8090,
    "temporal": true, "worker": true, "queues": "money",
    "calls": ["order", "logistics", "payment", "cases", "notification"]},
  "order": {"component": "order", "program": "order", "variable": "ORDER", "port": 8081,
    "database": true, "drains": true, "calls": ["logistics"]},
  "logistics": {"component": "logistics", "program": "logistics", "variable": "LOGISTICS", "port": 8082,
    "database": true, "drains": true, "providers": true, "calls": ["order"]},
  "payment": {"component": "payment", "program": "payment", "variable": "PAYMENT", "port": 8083,
    "database": true, "drains": true, "providers": true, "calls": ["order"]},
  "cases": {"component": "cases", "program": "cases", "variable": "CASES", "port": 8084,
    "database": true, "drains": true, "evidence": true, "calls": ["order", "notification"]},
  "notification": {"component": "notification", "program": "notification", "variable": "NOTIFICATION", "port": 8085,
    "database": true, "drains": true, "providers": true, "calls": ["order"]},
  "codec": {"component": "codec", "program": "codec", "variable": "CODEC", "port": 8087,
    "public": true, "drains": true, "calls": []}
}
{{- end -}}

{{/*
One component (root, key) with all its settings: what it is, over what the values say of it, over the defaults of all.
*/}}
{{- define "aftercare.component" -}}
{{- $fixed := get (include "aftercare.table" .root | fromJson) .key -}}
{{- $own := get .root.Values .key | default dict -}}
{{- $c := mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy $own) $fixed -}}
{{- $_ := set $c "key" .key -}}
{{- $_ := set $c "name" (printf "%s-%s" (include "aftercare.fullname" .root) $c.component) -}}
{{- if and $c.worker (eq .key "worker") (not .root.Values.moneyWorker.enabled) -}}
{{- $_ := set $c "queues" "cases,money" -}}
{{- end -}}
{{- $strategy := dict "type" "RollingUpdate" "rollingUpdate" (dict "maxUnavailable" 0 "maxSurge" 1) -}}
{{- if and $c.evidence (eq (include "aftercare.evidenceIsExclusive" .root) "true") -}}
{{- $strategy = dict "type" "Recreate" -}}
{{- end -}}
{{- $_ := set $c "strategy" ($c.strategy | default $strategy) -}}
{{- $_ := set $c "grace" ($c.terminationGracePeriodSeconds | default (include "aftercare.leastGrace" (dict "root" .root "c" $c) | int)) -}}
{{- toJson $c -}}
{{- end -}}

{{/* The components that this release runs, as a list. */}}
{{- define "aftercare.components" -}}
{{- $root := . -}}
{{- $found := list -}}
{{- range $key, $_ := include "aftercare.table" . | fromJson -}}
{{- if (get $root.Values $key).enabled -}}
{{- $found = append $found (include "aftercare.component" (dict "root" $root "key" $key) | fromJson) -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/*
How long a process may take to stop. A service: the delay before it refuses requests, the time for those under way. A
worker: its parts stop one after the other, and each may take the stop timeout. The rest is for databases and telemetry.
*/}}
{{- define "aftercare.leastGrace" -}}
{{- if .c.worker -}}
{{- add (mul 3 (int .root.Values.workers.stopTimeoutSeconds)) 15 -}}
{{- else -}}
{{- add (int .root.Values.drainDelaySeconds) (include "aftercare.drainTimeout" . | int) 5 -}}
{{- end -}}
{{- end -}}

{{/* true if the volume for photos is for one node only */}}
{{- define "aftercare.evidenceIsExclusive" -}}
{{- $e := .Values.evidence -}}
{{- and (eq $e.storage "volume") (has $e.volume.accessMode (list "ReadWriteOnce" "ReadWriteOncePod")) -}}
{{- end -}}

{{/* The address of a service (root, key) as the others reach it. */}}
{{- define "aftercare.url" -}}
{{- $given := get .root.Values.urls .key -}}
{{- if $given -}}
{{- trimSuffix "/" $given -}}
{{- else -}}
{{- $c := get (include "aftercare.table" .root | fromJson) .key -}}
http://{{ include "aftercare.fullname" .root }}-{{ $c.component }}:{{ $c.port }}
{{- end -}}
{{- end -}}

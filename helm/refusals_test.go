package helm_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// Each sentence says which value is wrong, and the refusals of the templates also what to do.
func TestWrongValuesAreRefusedInWords(t *testing.T) {
	tests := map[string]struct{ values, want string }{
		"a key that is none":              {"gateway: {replica: 3}", "at '/gateway': additional properties 'replica' not allowed"},
		"a key that is none, at the top":  {"gatewy: {}", "additional properties 'gatewy' not allowed"},
		"a secret as a value":             {"smtp: {password: hunter2}", "at '/smtp': additional properties 'password' not allowed"},
		"a text for a number":             {`order: {replicas: "3"}`, "at '/order/replicas': got string, want integer"},
		"a text for a boolean":            {`codec: {enabled: "true"}`, "at '/codec/enabled': got string, want boolean"},
		"a number out of range":           {"telemetry: {otlp: {traceRatio: 2}}", "at '/telemetry/otlp/traceRatio': maximum: got 2, want 1"},
		"a choice that is not offered":    {"log: {level: trace}", "at '/log/level': value must be one of 'debug', 'info', 'warn', 'error'"},
		"a digest that is none":           {"payment: {image: {digest: latest}}", "at '/payment/image/digest': 'latest' does not match pattern"},
		"an address without a port":       {"temporal: {address: temporal}", "at '/temporal/address': 'temporal' does not match pattern"},
		"an address that is no URL":       {"publicUrl: aftersales.example.com", "at '/publicUrl': 'aftersales.example.com' does not match pattern"},
		"a duration without a unit":       {`temporal: {setup: {retention: "720"}}`, "at '/temporal/setup/retention': '720' does not match pattern"},
		"a variable with a wrong name":    {"gateway: {extraEnv: [{name: a-b, value: c}]}", "at '/gateway/extraEnv/0/name': 'a-b' does not match pattern"},
		"a private key for a public one":  {"jwt: {publicKeys: '-----BEGIN PRIVATE KEY-----'}", "at '/jwt/publicKeys': "},
		"no scaling to zero":              {"worker: {autoscaling: {keda: {minReplicas: 0}}}", "minimum: got 0, want 1"},
		"no secret":                       {"existingSecret: ''", "wechatpay.existingSecret is empty, and so is existingSecret: name the Secret that has WECHATPAY_PRIVATE_KEY"},
		"no secret for a database":        {"existingSecret: ''", "database.order.existingSecret is empty, and so is existingSecret: name the Secret that has ORDER_DATABASE_DSN"},
		"no public address":               {"publicUrl: ''", "publicUrl is empty: set it to the address"},
		"no issuer":                       {"jwt: {issuer: ''}", "jwt.issuer is empty: name who issues"},
		"no Temporal":                     {"temporal: {address: ''}", "temporal.address is empty: set it to the host and port"},
		"an ingress without a domain":     {"ingress: {enabled: true}", "ingress.hosts is empty and ingress.enabled is true: name the domain"},
		"a route without a gateway":       {"httpRoute: {enabled: true}", "httpRoute.parentRefs is empty"},
		"two scalers":                     {"worker: {autoscaling: {hpa: {enabled: true}, keda: {enabled: true}}}", "worker.autoscaling has both hpa and keda enabled"},
		"KEDA for a service":              {"order: {autoscaling: {keda: {enabled: true}}}", "order.autoscaling.keda is enabled, but it scales by the task queue of a worker"},
		"more at least than at most":      {"gateway: {autoscaling: {hpa: {enabled: true, minReplicas: 20}}}", "gateway.autoscaling.hpa has minReplicas 20 above maxReplicas 10"},
		"a scaler beside the controller":  {"{workers: {kind: WorkerDeployment}, worker: {autoscaling: {keda: {enabled: true}}}}", "is scaled by a WorkerResourceTemplate"},
		"versioning without a build":      {"workers: {versioning: {enabled: true}}", "workers.versioning.buildId is empty and versioning.enabled is true: name this build"},
		"versioning twice":                {"workers: {kind: WorkerDeployment, versioning: {enabled: true, buildId: a}}", "the controller numbers the builds itself"},
		"the present build as a previous": {"workers: {versioning: {enabled: true, buildId: a, previous: [{buildId: a, image: {tag: a}}]}}", "which is the present one"},
		"a ramp without steps":            {"workers: {kind: WorkerDeployment, controller: {rollout: {strategy: Progressive}}}", "rollout.steps is empty"},
		"too little time for a worker":    {"worker: {terminationGracePeriodSeconds: 30}", "worker.terminationGracePeriodSeconds is 30 and the process may take 75: raise it, or lower workers.stopTimeoutSeconds"},
		"too little time for a service":   {"{drainDelaySeconds: 60, order: {terminationGracePeriodSeconds: 30}}", "order.terminationGracePeriodSeconds is 30 and the process may take 85: raise it, or lower drainDelaySeconds"},
		"photos on a volume of one node":  {"evidence: {volume: {accessMode: ReadWriteOnce}}", "use ReadWriteMany, or replicas 1"},
		"a service that is nowhere":       {"order: {enabled: false}", "order.enabled is false and urls.order is empty, but cases calls it: say where it runs"},
		"a codec with nothing to do":      {"codec: {enabled: true}", "codec.enabled is true and payloadEncryption.enabled is not"},
		"a codec without an address":      {"{codec: {enabled: true}, payloadEncryption: {enabled: true}}", "payloadEncryption.codec.publicUrl is empty"},
		"rules without metrics":           {"telemetry: {metrics: {rules: {enabled: true}}}", "telemetry.metrics.enabled is false, but serviceMonitor or rules is enabled"},
		"certificates without TLS":        {"temporal: {tls: {clientCertificate: true}}", "temporal.tls.enabled is false, so that the rest of temporal.tls has no effect"},
		"certificates without a secret":   {"temporal: {tls: {enabled: true, clientCertificate: true}}", "temporal.tls.existingSecret is empty: name the Secret that has tls.crt"},
		"a key without TLS":               {"temporal: {apiKey: {enabled: true}}", "a key is sent over TLS only"},
	}
	for name, test := range tests {
		for helm, render := range helms {
			t.Run(name+", "+helm, func(t *testing.T) {
				_, err := render(product, with(t, test.values), release{})
				require.ErrorContains(t, err, test.want)
			})
		}
	}
}

// with are the default values with others over them.
func with(t *testing.T, text string) map[string]any {
	t.Helper()
	values := readValues(t, "aftercare/ci/default-values.yaml")
	var over map[string]any
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &over))
	merge(values, over)
	return values
}

func merge(into, over map[string]any) {
	for key, value := range over {
		below, ok := value.(map[string]any)
		if under, both := into[key].(map[string]any); ok && both {
			merge(under, below)
			continue
		}
		into[key] = value
	}
}

func TestEverythingThatIsMissingIsToldAtOnce(t *testing.T) {
	_, err := renderWith4(product, map[string]any{}, release{})
	require.Error(t, err)
	for _, value := range []string{"serviceToken", "database.cases", "wechatpay", "kuaidi100", "jwt.issuer", "publicUrl", "temporal.address"} {
		require.Equal(t, 1, strings.Count(err.Error(), "- "+value), value)
	}
}

func TestAnOldClusterIsRefused(t *testing.T) {
	values := readValues(t, "aftercare/ci/default-values.yaml")
	_, err := renderWith4(product, values, release{minor: "24+"})
	require.ErrorContains(t, err, "the cluster is Kubernetes 1.24: this chart needs 1.27 or newer")
	_, err = renderWith4(product, values, release{minor: "27+"})
	require.NoError(t, err)
}

func TestTheSandboxAsksForItsSecret(t *testing.T) {
	for name, render := range helms {
		_, err := render(outside, map[string]any{}, release{})
		require.ErrorContains(t, err, "existingSecret is empty: name the second Secret", name)
	}
}

// A subchart is given values of its parent, and must not refuse them.
func TestTheChartCanBeAPartOfAnother(t *testing.T) {
	for name, render := range helms {
		_, err := render(product, with(t, "global: {anything: 1}"), release{})
		require.NoError(t, err, name)
	}
}

package helm_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
)

// commands are the folders of the programs, by the names of their containers.
var commands = map[string]string{
	"gateway":      "gateway/cmd/gateway",
	"codec":        "gateway/cmd/codec",
	"worker":       "workflows/cmd/worker",
	"order":        "services/order/cmd/order",
	"logistics":    "services/logistics/cmd/logistics",
	"payment":      "services/payment/cmd/payment",
	"cases":        "services/cases/cmd/cases",
	"notification": "services/notification/cmd/notification",
	"sandbox":      "deploy/cmd/sandbox",
}

// ecosystem are the variables that libraries read: OpenTelemetry's, and Temporal's envconfig. POD_NAME is only used in
// another variable.
var ecosystem = []string{
	"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_PROMETHEUS_HOST",
	"OTEL_EXPORTER_PROMETHEUS_PORT", "OTEL_METRICS_EXPORTER", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER",
	"OTEL_TRACES_SAMPLER_ARG", "POD_NAME", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY", "TEMPORAL_TLS",
	"TEMPORAL_TLS_SERVER_NAME", "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_TLS_CLIENT_KEY_PATH",
}

// logs are read by the frame around every program.
var logs = []string{"LOG_LEVEL", "LOG_FORMAT"}

// settings are what each program reads, by its name.
func settings(t *testing.T) map[string]map[string]setting {
	t.Helper()
	code := newSource()
	known := map[string]map[string]setting{}
	for program, command := range commands {
		known[program] = code.ofCommand(t, command)
		require.NotEmpty(t, known[program], program)
	}
	return known
}

func TestEveryVariableIsOneThatTheProgramReads(t *testing.T) {
	known := settings(t)
	each(t, func(t *testing.T, _ string, objects Objects) {
		for name, pod := range objects.pods() {
			c := pod.Spec.Containers[0]
			require.Contains(t, known, c.Name, name)
			var seen []string
			for _, variable := range c.Env {
				require.NotContains(t, seen, variable.Name, "%s: twice", name)
				seen = append(seen, variable.Name)
				if slices.Contains(ecosystem, variable.Name) || slices.Contains(logs, variable.Name) {
					continue
				}
				require.Contains(t, known[c.Name], variable.Name, "%s: %s does not read it", name, c.Name)
			}
		}
	})
}

func TestEveryVariableThatAProgramNeedsIsSet(t *testing.T) {
	known := settings(t)
	each(t, func(t *testing.T, _ string, objects Objects) {
		for name, pod := range objects.longRunning() {
			c := pod.Spec.Containers[0]
			for variable, setting := range known[c.Name] {
				if setting.required {
					require.True(t, has(c, variable), "%s: %s is not set", name, variable)
				}
			}
		}
	})
}

func has(c core.Container, variable string) bool {
	return slices.ContainsFunc(c.Env, func(v core.EnvVar) bool { return v.Name == variable })
}

// A service has the secrets that it needs and no others: who breaks into one does not have them all.
func TestAProcessHasItsOwnSecretsOnly(t *testing.T) {
	own := map[string][]string{
		"gateway":      {"JWT_PUBLIC_KEYS"},
		"order":        {"ORDER_DATABASE_DSN", "PERSONAL_DATA_INDEX_KEY", "PERSONAL_DATA_KEYS"},
		"cases":        {"CASES_DATABASE_DSN", "PERSONAL_DATA_KEYS"},
		"notification": {"NOTIFICATION_DATABASE_DSN", "PERSONAL_DATA_KEYS"},
		"payment": {
			"PAYMENT_DATABASE_DSN", "WECHATPAY_APIV3_KEY", "WECHATPAY_MCHID", "WECHATPAY_MERCHANT_SERIAL", "WECHATPAY_PLATFORM_PUBLIC_KEY",
			"WECHATPAY_PLATFORM_SERIAL", "WECHATPAY_PRIVATE_KEY",
		},
		"logistics": {
			"FREIGHT_INSURANCE_APP_ID", "FREIGHT_INSURANCE_APP_SECRET", "FREIGHT_INSURANCE_CALLBACK_TOKEN", "KUAIDI100_CUSTOMER",
			"KUAIDI100_KEY", "KUAIDI100_SECRET", "LOGISTICS_DATABASE_DSN", "PERSONAL_DATA_KEYS",
		},
	}
	objects := install(t, product, readValues(t, "aftercare/ci/default-values.yaml"))
	for name, pod := range objects.longRunning() {
		program := pod.Spec.Containers[0].Name
		require.ElementsMatch(t, append(slices.Clone(own[program]), "SERVICE_TOKEN"), secrets(pod), name)
	}
	require.Empty(t, objects["Secret"])
}

func TestPeoplesDataIsSealedWithTheKeysOfASecret(t *testing.T) {
	values := readValues(t, "aftercare/ci/default-values.yaml")
	order := install(t, product, values).deployment(t, "aftercare-order").Spec.Template.Spec.Containers[0]
	require.Equal(t, "true", plain(order)["PERSONAL_DATA_SEAL"])
	require.Equal(t, "365", plain(order)["RETENTION_CONTACTS_DAYS"])

	values["personalData"] = map[string]any{"enabled": true, "seal": false, "existingSecret": "people"}
	values["retention"] = map[string]any{"photosDays": 30}
	objects := install(t, product, values)
	cases := objects.deployment(t, "aftercare-cases").Spec.Template.Spec.Containers[0]
	require.Equal(t, "false", plain(cases)["PERSONAL_DATA_SEAL"])
	require.Equal(t, "30", plain(cases)["RETENTION_PHOTOS_DAYS"])
	require.Equal(t, "1095", plain(cases)["RETENTION_TRANSACTIONS_DAYS"])
	require.Contains(t, secrets(objects.deployment(t, "aftercare-cases").Spec.Template), "PERSONAL_DATA_KEYS")

	values["personalData"] = map[string]any{"enabled": false}
	for name, pod := range install(t, product, values).longRunning() {
		require.False(t, has(pod.Spec.Containers[0], "PERSONAL_DATA_KEYS"), name)
	}
}

// secrets are the variables that come from a Secret; each has the name of its key there.
func secrets(pod core.PodTemplateSpec) []string {
	found := map[string]bool{}
	for _, variable := range pod.Spec.Containers[0].Env {
		if from := variable.ValueFrom; from != nil && from.SecretKeyRef != nil && from.SecretKeyRef.Key == variable.Name {
			found[variable.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestASecretOfItsOwnWinsOverTheSharedOne(t *testing.T) {
	pods := install(t, product, readValues(t, "aftercare/ci/full-values.yaml")).pods()
	from := func(pod, variable string) string {
		for _, v := range pods[pod].Spec.Containers[0].Env {
			if v.Name == variable {
				return v.ValueFrom.SecretKeyRef.Name
			}
		}
		return ""
	}
	require.Equal(t, "databases", from("Deployment shop-order", "ORDER_DATABASE_DSN"))
	require.Equal(t, "payment-database", from("Deployment shop-payment", "PAYMENT_DATABASE_DSN"))
	require.Equal(t, "database-owners", from("Job shop-payment-migrate", "PAYMENT_DATABASE_DSN"))
	require.Equal(t, "wechatpay", from("Deployment shop-payment", "WECHATPAY_PLATFORM_PUBLIC_KEY"))
	require.Equal(t, "token", from("Deployment shop-worker", "SERVICE_TOKEN"))
}

func TestOneWorkerDoesTheMoneyWhereThereIsNoMoneyWorker(t *testing.T) {
	queues := func(file string) map[string]string {
		found := map[string]string{}
		for name, pod := range install(t, product, readValues(t, file)).longRunning() {
			if value, ok := plain(pod.Spec.Containers[0])["WORKER_QUEUES"]; ok {
				found[strings.TrimPrefix(name, "Deployment ")] = value
			}
		}
		return found
	}
	require.Equal(t, map[string]string{"aftercare-worker": "cases", "aftercare-money-worker": "money"}, queues("aftercare/ci/default-values.yaml"))
	require.Equal(t, map[string]string{"aftercare-worker": "cases,money"}, queues("aftercare/ci/minimal-values.yaml"))
}

func TestTheControllerGivesItsWorkersTheConnection(t *testing.T) {
	objects := install(t, product, readValues(t, "aftercare/ci/controller-values.yaml"))
	workers := of[*WorkerDeployment](objects, "WorkerDeployment")
	require.Len(t, workers, 2)
	for name, worker := range workers {
		require.Contains(t, objects["Connection"], worker.Spec.WorkerOptions.ConnectionRef.Name)
		for _, injected := range []string{
			"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY", "TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID",
		} {
			require.False(t, has(worker.Spec.Template.Spec.Containers[0], injected), "%s: %s", name, injected)
		}
	}
	require.True(t, has(objects.pods()["Job aftercare-worker-setup"].Spec.Containers[0], "TEMPORAL_API_KEY"))
}

func TestTwoBuildsOfAWorkerRunSideBySide(t *testing.T) {
	pods := install(t, product, readValues(t, "aftercare/ci/versioned-values.yaml")).pods()
	now, before := pods["Deployment aftercare-worker"].Spec.Containers[0], pods["Deployment aftercare-worker-0-2-0-1"].Spec.Containers[0]
	require.Equal(t, "aftercare/worker:0.2.0", now.Image)
	require.Equal(t, "aftercare/worker:0.2.0-1", before.Image)
	require.Equal(t, "0.2.0+2", plain(now)["TEMPORAL_WORKER_BUILD_ID"])
	require.Equal(t, "0.2.0+1", plain(before)["TEMPORAL_WORKER_BUILD_ID"])
	require.Equal(t, plain(now)["TEMPORAL_DEPLOYMENT_NAME"], plain(before)["TEMPORAL_DEPLOYMENT_NAME"])
	require.Equal(t, "http://orders.shop:8081", plain(now)["ORDER_URL"])
}

func TestAComponentsOwnSettingsWinKeyByKey(t *testing.T) {
	values := readValues(t, "aftercare/ci/default-values.yaml")
	values["defaults"] = map[string]any{"replicas": 5, "podLabels": map[string]any{"a": "all"}}
	values["order"] = map[string]any{
		"replicas": 0, "pdb": map[string]any{"enabled": false}, "podLabels": map[string]any{"b": "own"},
		"resources": map[string]any{"limits": map[string]any{"memory": "1Gi"}},
		"extraEnv":  []any{map[string]any{"name": "LOG_LEVEL", "value": "debug"}},
	}
	objects := install(t, product, values)
	require.NotContains(t, objects["PodDisruptionBudget"], "aftercare-order")
	require.Contains(t, objects["PodDisruptionBudget"], "aftercare-payment")
	order := objects.deployment(t, "aftercare-order")
	require.Zero(t, *order.Spec.Replicas)
	require.Equal(t, int32(5), *objects.deployment(t, "aftercare-payment").Spec.Replicas)
	require.Equal(t, "all", order.Spec.Template.Labels["a"])
	require.Equal(t, "own", order.Spec.Template.Labels["b"])
	c := order.Spec.Template.Spec.Containers[0]
	require.Equal(t, "1Gi", c.Resources.Limits.Memory().String())
	require.Equal(t, "100m", c.Resources.Requests.Cpu().String())
	require.Equal(t, "debug", plain(c)["LOG_LEVEL"])
}

// One node at a time can have a volume of this kind, so that the new pod must wait for the old one to go.
func TestCasesIsReplacedOneByOneOnAVolumeOfOneNode(t *testing.T) {
	one := install(t, product, readValues(t, "aftercare/ci/minimal-values.yaml")).deployment(t, "aftercare-cases")
	require.Equal(t, "Recreate", string(one.Spec.Strategy.Type))
	many := install(t, product, readValues(t, "aftercare/ci/default-values.yaml")).deployment(t, "aftercare-cases")
	require.Zero(t, many.Spec.Strategy.RollingUpdate.MaxUnavailable.IntVal)
}

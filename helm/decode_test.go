package helm_test

import (
	"encoding/json"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"
	strict "sigs.k8s.io/json"
)

// Object is a Kubernetes object with its metadata.
type Object interface{ GetObjectMeta() meta.Object }

// Objects is what a chart renders, by kind and name.
type Objects map[string]map[string]Object

// newObject makes an empty object of each kind that the charts may render. Another kind is a fault: a Secret, above all.
var newObject = map[string]func() Object{
	"apps/v1 Deployment":                      func() Object { return &apps.Deployment{} },
	"autoscaling/v2 HorizontalPodAutoscaler":  func() Object { return &autoscaling.HorizontalPodAutoscaler{} },
	"batch/v1 Job":                            func() Object { return &batch.Job{} },
	"gateway.networking.k8s.io/v1 HTTPRoute":  func() Object { return &gatewayapi.HTTPRoute{} },
	"keda.sh/v1alpha1 ScaledObject":           func() Object { return &ScaledObject{} },
	"keda.sh/v1alpha1 TriggerAuthentication":  func() Object { return &TriggerAuthentication{} },
	"monitoring.coreos.com/v1 PrometheusRule": func() Object { return &monitoring.PrometheusRule{} },
	"monitoring.coreos.com/v1 ServiceMonitor": func() Object { return &monitoring.ServiceMonitor{} },
	"networking.k8s.io/v1 Ingress":            func() Object { return &networking.Ingress{} },
	"networking.k8s.io/v1 NetworkPolicy":      func() Object { return &networking.NetworkPolicy{} },
	"policy/v1 PodDisruptionBudget":           func() Object { return &policy.PodDisruptionBudget{} },
	"temporal.io/v1alpha1 Connection":         func() Object { return &Connection{} },
	"temporal.io/v1alpha1 WorkerDeployment":   func() Object { return &WorkerDeployment{} },
	"v1 ConfigMap":                            func() Object { return &core.ConfigMap{} },
	"v1 PersistentVolumeClaim":                func() Object { return &core.PersistentVolumeClaim{} },
	"v1 Service":                              func() Object { return &core.Service{} },
	"v1 ServiceAccount":                       func() Object { return &core.ServiceAccount{} },
}

// decode reads each document into the type of its kind. A field that the type does not have, a duplicate, and two
// objects of one kind and name fail the test.
func decode(t *testing.T, documents [][]byte) Objects {
	t.Helper()
	objects := Objects{}
	for _, document := range documents {
		var head meta.TypeMeta
		require.NoError(t, json.Unmarshal(document, &head))
		kind := head.APIVersion + " " + head.Kind
		require.Contains(t, newObject, kind, "%s", document)
		object := newObject[kind]()
		faults, err := strict.UnmarshalStrict(document, object)
		require.NoError(t, err, "%s", document)
		require.Empty(t, faults, "%s", document)
		name := object.GetObjectMeta().GetName()
		require.Regexp(t, `^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`, name)
		require.NotContains(t, objects[head.Kind], name, "%s twice", kind)
		if objects[head.Kind] == nil {
			objects[head.Kind] = map[string]Object{}
		}
		objects[head.Kind][name] = object
	}
	return objects
}

// of are the objects of a kind, by name.
func of[T Object](objects Objects, kind string) map[string]T {
	typed := map[string]T{}
	for name, object := range objects[kind] {
		if t, ok := object.(T); ok {
			typed[name] = t
		}
	}
	return typed
}

// Connection and WorkerDeployment are those of the Temporal Worker Controller 1.10, as far as the chart may use them.
type Connection struct {
	meta.TypeMeta   `json:",inline"`
	meta.ObjectMeta `json:"metadata"`

	Spec struct {
		HostPort string `json:"hostPort"`
		TLS      *struct {
			ServerName string `json:"serverName"`
		} `json:"tls"`
		MutualTLSSecretRef *struct {
			Name string `json:"name"`
		} `json:"mutualTLSSecretRef"`
		APIKeySecretRef *core.SecretKeySelector `json:"apiKeySecretRef"`
	} `json:"spec"`
}

// WorkerDeployment runs a worker in one Deployment for each build.
type WorkerDeployment struct {
	meta.TypeMeta   `json:",inline"`
	meta.ObjectMeta `json:"metadata"`

	Spec struct {
		Replicas      *int32 `json:"replicas"`
		WorkerOptions struct {
			ConnectionRef struct {
				Name string `json:"name"`
			} `json:"connectionRef"`
			TemporalNamespace string `json:"temporalNamespace"`
		} `json:"workerOptions"`
		Rollout struct {
			Strategy string `json:"strategy"`
			Steps    []struct {
				RampPercentage int           `json:"rampPercentage"`
				PauseDuration  meta.Duration `json:"pauseDuration"`
			} `json:"steps"`
		} `json:"rollout"`
		Sunset struct {
			ScaledownDelay meta.Duration `json:"scaledownDelay"`
			DeleteDelay    meta.Duration `json:"deleteDelay"`
		} `json:"sunset"`
		Template core.PodTemplateSpec `json:"template"`
	} `json:"spec"`
}

// ScaledObject and TriggerAuthentication are those of KEDA, with the metadata of its trigger temporal.
type ScaledObject struct {
	meta.TypeMeta   `json:",inline"`
	meta.ObjectMeta `json:"metadata"`

	Spec struct {
		ScaleTargetRef struct {
			Name string `json:"name"`
		} `json:"scaleTargetRef"`
		MinReplicaCount int32 `json:"minReplicaCount"`
		MaxReplicaCount int32 `json:"maxReplicaCount"`
		PollingInterval int32 `json:"pollingInterval"`
		CooldownPeriod  int32 `json:"cooldownPeriod"`
		Triggers        []struct {
			Type     string `json:"type"`
			Metadata struct {
				Endpoint                string `json:"endpoint"`
				Namespace               string `json:"namespace"`
				TaskQueue               string `json:"taskQueue"`
				QueueTypes              string `json:"queueTypes"`
				TargetQueueSize         string `json:"targetQueueSize"`
				WorkerDeploymentName    string `json:"workerDeploymentName"`
				WorkerDeploymentBuildID string `json:"workerDeploymentBuildId"`
				EnableTLS               string `json:"enableTLS"`
				TLSServerName           string `json:"tlsServerName"`
			} `json:"metadata"`
			AuthenticationRef *struct {
				Name string `json:"name"`
			} `json:"authenticationRef"`
		} `json:"triggers"`
	} `json:"spec"`
}

// TriggerAuthentication says where a trigger finds what it logs in with.
type TriggerAuthentication struct {
	meta.TypeMeta   `json:",inline"`
	meta.ObjectMeta `json:"metadata"`

	Spec struct {
		SecretTargetRef []struct {
			Parameter string `json:"parameter"`
			Name      string `json:"name"`
			Key       string `json:"key"`
		} `json:"secretTargetRef"`
	} `json:"spec"`
}

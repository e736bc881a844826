package helm_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

// matching are the names of the pod templates with such labels.
func matching(t *testing.T, pods map[string]core.PodTemplateSpec, selector *meta.LabelSelector) []string {
	t.Helper()
	parsed, err := meta.LabelSelectorAsSelector(selector)
	require.NoError(t, err)
	var names []string
	for name, pod := range pods {
		if parsed.Matches(labels.Set(pod.Labels)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func byLabels(l map[string]string) *meta.LabelSelector { return &meta.LabelSelector{MatchLabels: l} }

func portOf(c core.Container, name string) string {
	for _, port := range c.Ports {
		if port.Name == name {
			return strconv.Itoa(int(port.ContainerPort))
		}
	}
	return ""
}

func TestADeploymentSelectsItsPodsAndNoOthers(t *testing.T) {
	each(t, func(t *testing.T, _ string, objects Objects) {
		for name, deployment := range of[*apps.Deployment](objects, "Deployment") {
			require.Equal(t, []string{"Deployment " + name}, matching(t, objects.pods(), deployment.Spec.Selector))
		}
	})
}

func TestAServiceLeadsToPortsThatExist(t *testing.T) {
	each(t, func(t *testing.T, _ string, objects Objects) {
		for name, service := range of[*core.Service](objects, "Service") {
			pods := matching(t, objects.pods(), byLabels(service.Spec.Selector))
			require.NotEmpty(t, pods, name)
			for _, pod := range pods {
				require.NotContains(t, pod, "Job ", "%s would send requests to a job", name)
				c := objects.pods()[pod].Spec.Containers[0]
				for _, port := range service.Spec.Ports {
					require.Equal(t, strconv.Itoa(int(port.Port)), portOf(c, port.TargetPort.StrVal), "%s to %s", name, pod)
				}
			}
		}
	})
}

func TestBudgetsAndScalersAreForWhatIsThere(t *testing.T) {
	each(t, func(t *testing.T, _ string, objects Objects) {
		for name, budget := range of[*policy.PodDisruptionBudget](objects, "PodDisruptionBudget") {
			require.Len(t, matching(t, objects.pods(), budget.Spec.Selector), 1, name)
		}
		scaled := map[string]string{}
		for name, scaler := range of[*autoscaling.HorizontalPodAutoscaler](objects, "HorizontalPodAutoscaler") {
			scaled[scaler.Spec.ScaleTargetRef.Name] = name
		}
		for name, scaler := range of[*ScaledObject](objects, "ScaledObject") {
			require.NotContains(t, scaled, scaler.Spec.ScaleTargetRef.Name)
			scaled[scaler.Spec.ScaleTargetRef.Name] = name
			require.NotEmpty(t, scaler.Spec.Triggers)
			for _, trigger := range scaler.Spec.Triggers {
				require.Contains(t, []string{"aftercare-cases", "aftercare-money"}, trigger.Metadata.TaskQueue)
				if ref := trigger.AuthenticationRef; ref != nil {
					require.Contains(t, objects["TriggerAuthentication"], ref.Name)
				}
			}
		}
		for target := range scaled {
			require.Contains(t, objects["Deployment"], target)
			require.Nil(t, of[*apps.Deployment](objects, "Deployment")[target].Spec.Replicas, "%s has two masters", target)
		}
	})
}

func TestMonitorsFindThePortOfTheMetrics(t *testing.T) {
	objects := install(t, product, readValues(t, "aftercare/ci/full-values.yaml"))
	monitors := of[*monitoring.ServiceMonitor](objects, "ServiceMonitor")
	require.Len(t, monitors, 1)
	for _, monitor := range monitors {
		var found []*core.Service
		for _, service := range of[*core.Service](objects, "Service") {
			if labels.SelectorFromSet(monitor.Spec.Selector.MatchLabels).Matches(labels.Set(service.Labels)) {
				found = append(found, service)
			}
		}
		require.Len(t, found, 1)
		require.Equal(t, monitor.Spec.Endpoints[0].Port, found[0].Spec.Ports[0].Name)
		require.Len(t, matching(t, objects.longRunning(), byLabels(found[0].Spec.Selector)), len(objects.longRunning()))
	}
	for _, rule := range of[*monitoring.PrometheusRule](objects, "PrometheusRule") {
		require.NotEmpty(t, rule.Spec.Groups)
		require.Contains(t, rule.Spec.Groups[0].Rules[0].Annotations["description"], "{{ $labels.", "the templates of the alerts are for Prometheus")
	}
}

// services are what the addresses are called by.
var services = []string{"ORDER_URL", "LOGISTICS_URL", "PAYMENT_URL", "CASES_URL", "NOTIFICATION_URL"}

// calls are the addresses of other services that a pod is given: variable and host:port.
func calls(pod core.PodTemplateSpec) map[string]string {
	found := map[string]string{}
	for variable, value := range plain(pod.Spec.Containers[0]) {
		if slices.Contains(services, variable) {
			found[variable] = strings.TrimPrefix(value, "http://")
		}
	}
	return found
}

func TestAServiceIsCalledWhereItAnswers(t *testing.T) {
	each(t, func(t *testing.T, chart string, objects Objects) {
		if chart == outside {
			return
		}
		there := of[*core.Service](objects, "Service")
		for name, pod := range objects.pods() {
			for variable, address := range calls(pod) {
				host, port, _ := strings.Cut(address, ":")
				if host == "orders.shop" {
					continue // a shop's own order service
				}
				require.Contains(t, there, host, "%s: %s", name, variable)
				require.Equal(t, strconv.Itoa(int(there[host].Spec.Ports[0].Port)), port, "%s: %s", name, variable)
			}
		}
	})
}

func TestNetworkPoliciesAllowEveryCallAndNoMore(t *testing.T) {
	objects := install(t, product, readValues(t, "aftercare/ci/full-values.yaml"))
	pods := objects.pods()
	for from, caller := range objects.longRunning() {
		called := slices.Collect(maps.Values(calls(caller)))
		for name, service := range of[*core.Service](objects, "Service") {
			if name == "shop-gateway" || name == "shop-codec" || name == "shop-metrics" {
				continue // the world comes in there
			}
			address := fmt.Sprintf("%s:%d", name, service.Spec.Ports[0].Port)
			to := pods[matching(t, pods, byLabels(service.Spec.Selector))[0]]
			require.Equal(t, slices.Contains(called, address), allowed(t, objects, caller, to, service.Spec.Ports[0].Port),
				"%s to %s", from, address)
		}
	}
	for name, pod := range pods {
		require.NotEmpty(t, policiesOf(t, objects, pod), "%s is not confined", name)
	}
}

// allowed says whether policies let the one pod out, and the other let it in, by rules that name pods of the release.
func allowed(t *testing.T, objects Objects, from, to core.PodTemplateSpec, port int32) bool {
	t.Helper()
	var out, in bool
	for _, p := range policiesOf(t, objects, from) {
		for _, rule := range p.Spec.Egress {
			out = out || hasPort(rule.Ports, port) && names(t, rule.To, to)
		}
	}
	for _, p := range policiesOf(t, objects, to) {
		for _, rule := range p.Spec.Ingress {
			in = in || hasPort(rule.Ports, port) && names(t, rule.From, from)
		}
	}
	require.Equal(t, out, in, "one end allows what the other does not")
	return out
}

func policiesOf(t *testing.T, objects Objects, pod core.PodTemplateSpec) []*networking.NetworkPolicy {
	t.Helper()
	var found []*networking.NetworkPolicy
	for _, p := range of[*networking.NetworkPolicy](objects, "NetworkPolicy") {
		if len(matching(t, map[string]core.PodTemplateSpec{"": pod}, &p.Spec.PodSelector)) == 1 {
			found = append(found, p)
		}
	}
	return found
}

func hasPort(ports []networking.NetworkPolicyPort, port int32) bool {
	return slices.ContainsFunc(ports, func(p networking.NetworkPolicyPort) bool { return p.Port.IntVal == port })
}

func names(t *testing.T, peers []networking.NetworkPolicyPeer, pod core.PodTemplateSpec) bool {
	t.Helper()
	return slices.ContainsFunc(peers, func(p networking.NetworkPolicyPeer) bool {
		return p.PodSelector != nil && p.NamespaceSelector == nil &&
			len(matching(t, map[string]core.PodTemplateSpec{"": pod}, p.PodSelector)) == 1
	})
}

package helm_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// pods are the pod templates of everything that makes pods, by kind and name.
func (o Objects) pods() map[string]core.PodTemplateSpec {
	found := o.longRunning()
	for name, job := range of[*batch.Job](o, "Job") {
		found["Job "+name] = job.Spec.Template
	}
	return found
}

// longRunning are the pod templates of what is not a job.
func (o Objects) longRunning() map[string]core.PodTemplateSpec {
	found := map[string]core.PodTemplateSpec{}
	for name, deployment := range of[*apps.Deployment](o, "Deployment") {
		found["Deployment "+name] = deployment.Spec.Template
	}
	for name, worker := range of[*WorkerDeployment](o, "WorkerDeployment") {
		found["WorkerDeployment "+name] = worker.Spec.Template
	}
	return found
}

func TestEveryPodKeepsTheRestrictedStandard(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	each(t, func(t *testing.T, _ string, objects Objects) {
		require.NotEmpty(t, objects.pods())
		for name, pod := range objects.pods() {
			for _, result := range evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
				require.True(t, result.Allowed, "%s: %s: %s", name, result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
	})
}

func TestEveryPodIsConfinedBeyondTheStandard(t *testing.T) {
	each(t, func(t *testing.T, _ string, objects Objects) {
		for name, pod := range objects.pods() {
			spec := pod.Spec
			require.NotNil(t, spec.AutomountServiceAccountToken, name)
			require.False(t, *spec.AutomountServiceAccountToken, name)
			require.Equal(t, int64(65532), *spec.SecurityContext.RunAsUser, name)
			require.Len(t, spec.Containers, 1, name)
			require.True(t, *spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem, name)
			require.NotEmpty(t, spec.Containers[0].Resources.Requests, name)
			require.Contains(t, spec.Containers[0].Resources.Limits, core.ResourceMemory, name)
			for _, mount := range spec.Containers[0].VolumeMounts {
				require.True(t, slices.ContainsFunc(spec.Volumes, func(v core.Volume) bool { return v.Name == mount.Name }),
					"%s: mounts %s, which is no volume", name, mount.Name)
			}
		}
	})
}

func TestEveryProcessIsProbed(t *testing.T) {
	each(t, func(t *testing.T, _ string, objects Objects) {
		for name, pod := range objects.longRunning() {
			c := pod.Spec.Containers[0]
			require.Equal(t, "/livez", c.LivenessProbe.HTTPGet.Path, name)
			require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path, name)
			for _, probe := range []*core.Probe{c.LivenessProbe, c.ReadinessProbe} {
				require.True(t, slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool { return p.Name == probe.HTTPGet.Port.StrVal }), name)
			}
		}
	})
}

// A second process with the listener's address would not be found by the probes.
func TestAProcessListensWhereItIsProbed(t *testing.T) {
	each(t, func(t *testing.T, _ string, objects Objects) {
		for name, pod := range objects.longRunning() {
			c := pod.Spec.Containers[0]
			for variable, value := range plain(c) {
				if strings.HasSuffix(variable, "_LISTEN") && !strings.Contains(variable, "MAIL") {
					require.Equal(t, value, ":"+portOf(c, "http"), "%s: %s", name, variable)
				}
			}
		}
	})
}

// drainTimeout is how long the programs wait for requests under way; margin is for what closes after them.
const (
	drainTimeout = 20 * time.Second
	margin       = 5 * time.Second
)

func TestNobodyIsKilledWhileItStops(t *testing.T) {
	each(t, func(t *testing.T, chart string, objects Objects) {
		if chart == outside {
			return
		}
		for name, pod := range objects.longRunning() {
			var least time.Duration
			for variable, value := range plain(pod.Spec.Containers[0]) {
				switch {
				case variable == "WORKER_STOP_TIMEOUT":
					least = 3*duration(t, value) + margin
				case strings.HasSuffix(variable, "_DRAIN_DELAY"):
					least = duration(t, value) + drainTimeout + margin
				}
			}
			if strings.Contains(name, "codec") {
				least = drainTimeout + margin
			}
			require.Positive(t, least, name)
			require.GreaterOrEqual(t, time.Duration(*pod.Spec.TerminationGracePeriodSeconds)*time.Second, least, name)
		}
	})
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}

// plain are the variables of a container that have a value, not a reference.
func plain(c core.Container) map[string]string {
	found := map[string]string{}
	for _, variable := range c.Env {
		if variable.ValueFrom == nil {
			found[variable.Name] = variable.Value
		}
	}
	return found
}

// A hook runs before anything of the release is there.
func TestHooksNeedNothingOfTheRelease(t *testing.T) {
	each(t, func(t *testing.T, _ string, objects Objects) {
		for name, job := range of[*batch.Job](objects, "Job") {
			if job.Annotations["helm.sh/hook"] == "" {
				continue
			}
			spec := job.Spec.Template.Spec
			_, made := objects["ServiceAccount"][spec.ServiceAccountName]
			require.False(t, made, "%s: service account %s", name, spec.ServiceAccountName)
			for _, volume := range spec.Volumes {
				if volume.ConfigMap != nil {
					require.NotContains(t, objects["ConfigMap"], volume.ConfigMap.Name, name)
				}
				require.Nil(t, volume.PersistentVolumeClaim, name)
			}
		}
	})
}

func TestJobsPrepareDatabasesAndThenTemporal(t *testing.T) {
	objects := install(t, product, readValues(t, "aftercare/ci/default-values.yaml"))
	jobs := of[*batch.Job](objects, "Job")
	var migrations []string
	for name, job := range jobs {
		c := job.Spec.Template.Spec.Containers[0]
		if job.Annotations["helm.sh/hook"] == "test" {
			require.Equal(t, []string{"probe", "http://aftercare-gateway:8080/readyz"}, c.Args)
			continue
		}
		require.Equal(t, "pre-install,pre-upgrade", job.Annotations["helm.sh/hook"])
		require.Positive(t, *job.Spec.ActiveDeadlineSeconds)
		if c.Args[0] == "migrate" {
			migrations = append(migrations, name)
			require.Equal(t, "-10", job.Annotations["helm.sh/hook-weight"])
			continue
		}
		require.Equal(t, []string{"setup"}, c.Args)
		require.Equal(t, "-5", job.Annotations["helm.sh/hook-weight"])
		require.Equal(t, "false", plain(c)["SETUP_NAMESPACE"])
	}
	require.ElementsMatch(t, []string{
		"aftercare-order-migrate", "aftercare-logistics-migrate", "aftercare-payment-migrate", "aftercare-cases-migrate",
		"aftercare-notification-migrate",
	}, migrations)
}

// A job cannot be changed, so that one that runs something else must have another name.
func TestWithoutHooksAJobIsNamedByWhatItRuns(t *testing.T) {
	values := readValues(t, "aftercare/ci/versioned-values.yaml")
	names := func() []string {
		jobs := of[*batch.Job](install(t, product, values), "Job")
		for name, job := range jobs {
			require.Empty(t, job.Annotations, name)
		}
		return slices.Sorted(maps.Keys(jobs))
	}
	before := names()
	require.Equal(t, before, names())
	values["image"] = map[string]any{"tag": "0.2.1"}
	for _, name := range names() {
		require.NotContains(t, before, name)
	}
}

func (o Objects) deployment(t *testing.T, name string) *apps.Deployment {
	t.Helper()
	found := of[*apps.Deployment](o, "Deployment")
	require.Contains(t, found, name)
	return found[name]
}

package compose_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	temporal "go.temporal.io/server/common/config"

	"aftercare.dev/deploy/images"
	"aftercare.dev/gateway"
	"aftercare.dev/gateway/codec"
	"aftercare.dev/services/cases"
	"aftercare.dev/services/logistics"
	"aftercare.dev/services/notification"
	"aftercare.dev/services/order"
	"aftercare.dev/services/payment"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/telemetry"
	"aftercare.dev/workflows/dial"
	"aftercare.dev/workflows/setup"
	"aftercare.dev/workflows/worker"
)

// settings is what a program reads from its environment.
type settings struct {
	known []string
	load  func(environ []string) error
}

func of[T any](prefix string) settings {
	var zero T
	s := settings{load: func(environ []string) error {
		_, err := config.Load[T](prefix, environ)
		return err
	}}
	for i, word := range config.Describe(prefix, zero) {
		if i%2 == 0 {
			s.known = append(s.known, fmt.Sprint(word))
		}
	}
	return s
}

// programs are the images with their command, and what each reads.
func programs(t *testing.T) map[string]settings {
	t.Helper()
	return map[string]settings{
		"order": of[order.Config](""), "logistics": of[logistics.Config](""), "payment": of[payment.Config](""),
		"cases": of[cases.Config](""), "notification": of[notification.Config](""),
		"order migrate":        of[database.Config]("ORDER_DATABASE_"),
		"logistics migrate":    of[database.Config]("LOGISTICS_DATABASE_"),
		"payment migrate":      of[database.Config]("PAYMENT_DATABASE_"),
		"cases migrate":        of[database.Config]("CASES_DATABASE_"),
		"notification migrate": of[database.Config]("NOTIFICATION_DATABASE_"),
		"gateway":              of[gateway.Config](""), "codec": of[codec.Config](""),
		"worker": of[worker.ProcessConfig](""), "worker setup": of[setup.Config](""),
		"sandbox": sandboxSettings(t),
	}
}

// sandboxSettings reads the source, because a program cannot be imported.
func sandboxSettings(t *testing.T) settings {
	t.Helper()
	files, err := filepath.Glob("../cmd/sandbox/*.go")
	require.NoError(t, err)
	s := settings{load: func([]string) error { return nil }}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`(?:env:|os\.Getenv\()"([A-Z_]+)`).FindAllStringSubmatch(string(text), -1) {
			s.known = append(s.known, name[1])
		}
	}
	require.NotEmpty(t, s.known)
	return s
}

// environment is .env as docs/deploy.md has it made: the example with passwords, and new secrets of the sandbox.
func environment(t *testing.T) string {
	t.Helper()
	example, err := os.ReadFile(".env.example")
	require.NoError(t, err)
	secrets, err := exec.CommandContext(t.Context(), "go", "run", "../cmd/sandbox", "secrets").Output()
	require.NoError(t, err)
	filled := regexp.MustCompile(`(?m)^(\w+)=$`).ReplaceAllString(string(example), "${1}=0123456789abcdef")
	path := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(path, append([]byte(filled), secrets...), 0o600))
	return path
}

func load(t *testing.T, envFile string, more ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"compose.yaml"},
		cli.WithEnv(more), cli.WithEnvFiles(envFile), cli.WithDotEnv, cli.WithDefaultProfiles())
	require.NoError(t, err)
	return options.LoadProject(t.Context())
}

func mustLoad(t *testing.T) *types.Project {
	t.Helper()
	project, err := load(t, environment(t), "COMPOSE_PROFILES=sandbox,codec", "PAYLOAD_KEYS=2026a:"+strings.Repeat("A", 43)+"=")
	require.NoError(t, err)
	return project
}

// nameOf tells which of our programs a service runs, if it is one.
func nameOf(service types.ServiceConfig) (string, bool) {
	image, found := strings.CutPrefix(service.Image, "aftercare/")
	name, _, _ := strings.Cut(image, ":")
	return name, found
}

func set(service types.ServiceConfig) map[string]string {
	values := map[string]string{}
	for name, value := range service.Environment {
		if value != nil {
			values[name] = *value
		}
	}
	return values
}

func TestEveryProgramRunsWithSettingsThatItKnows(t *testing.T) {
	known := programs(t)
	everybody := of[telemetry.LogConfig]("").known
	ran := map[string]bool{}
	for _, service := range mustLoad(t).Services {
		name, ours := nameOf(service)
		if !ours {
			continue
		}
		ran[name] = true
		t.Run(service.Name, func(t *testing.T) {
			program, found := known[strings.Join(append([]string{name}, service.Command...), " ")]
			require.True(t, found, "there is no command %q", service.Command)
			var environ []string
			for variable, value := range set(service) {
				environ = append(environ, variable+"="+value)
				ecosystem := strings.HasPrefix(variable, "OTEL_") ||
					strings.HasPrefix(variable, "TEMPORAL_") || slices.Contains(of[dial.Config]("").known, variable)
				require.True(t, ecosystem || slices.Contains(program.known, variable) || slices.Contains(everybody, variable),
					"%s is nothing that %s reads", variable, name)
			}
			require.NoError(t, program.load(environ))
		})
	}
	for _, p := range images.Programs() {
		if p.Module != "deploy" {
			require.True(t, ran[p.Name], "%s does not run", p.Name)
		}
	}
}

func TestEveryProgramIsConfinedAndLookedAfter(t *testing.T) {
	for _, service := range mustLoad(t).Services {
		name, ours := nameOf(service)
		if !ours {
			continue
		}
		t.Run(service.Name, func(t *testing.T) {
			require.True(t, service.ReadOnly)
			require.Equal(t, []string{"ALL"}, service.CapDrop)
			require.Contains(t, service.SecurityOpt, "no-new-privileges:true")
			if len(service.Command) > 0 {
				require.Equal(t, "on-failure", service.Restart)
				return
			}
			require.Equal(t, []string{"CMD", "/" + name, "probe"}, []string(service.HealthCheck.Test[:3]))
			at, err := url.Parse(service.HealthCheck.Test[3])
			require.NoError(t, err)
			require.Equal(t, "/readyz", at.Path)
			values := set(service)
			if listen := values[strings.ToUpper(name)+"_LISTEN"]; listen != "" {
				require.Equal(t, listen, ":"+at.Port())
			}
			for _, port := range service.Ports {
				require.Equal(t, "127.0.0.1", port.HostIP, "what is open to the network is for a proxy with TLS")
				require.Equal(t, at.Port(), strconv.FormatUint(uint64(port.Target), 10))
			}
		})
	}
}

func TestWhatAServiceNeedsIsStartedBefore(t *testing.T) {
	services := mustLoad(t).Services
	for _, service := range services {
		for name, needed := range service.DependsOn {
			once := len(services[name].Command) > 0 || name == "temporal-schema"
			want := types.ServiceConditionHealthy
			if once {
				want = types.ServiceConditionCompletedSuccessfully
			} else {
				require.NotNil(t, services[name].HealthCheck, "%s waits for the health of %s", service.Name, name)
			}
			require.Equal(t, want, needed.Condition, "%s after %s", service.Name, name)
		}
		if name, ours := nameOf(service); ours && service.Environment[strings.ToUpper(name)+"_MIGRATE"] != nil {
			require.Contains(t, service.DependsOn, name+"-migrate")
		}
	}
}

func TestTheTemporalServerTakesItsEnvironment(t *testing.T) {
	services := mustLoad(t).Services
	for name, value := range set(services["temporal"]) {
		t.Setenv(name, value)
	}
	t.Setenv("TEMPORAL_BROADCAST_ADDRESS", "10.0.0.7") // by the image's entry point
	cfg, err := temporal.Load(temporal.WithEmbedded())
	require.NoError(t, err)
	require.Equal(t, int32(128), cfg.Persistence.NumHistoryShards)
	for store, name := range map[string]string{"default": "temporal", "visibility": "temporal_visibility"} {
		sql := cfg.Persistence.DataStores[store].SQL
		require.Equal(t, []string{"mysql8", name, "mysql:3306", "temporal", "0123456789abcdef"},
			[]string{sql.PluginName, sql.DatabaseName, sql.ConnectAddr, sql.User, sql.Password})
	}
	require.Equal(t, services["temporal"].Volumes[0].Target, cfg.DynamicConfigClient.Filepath)
}

func TestWithoutSecretsItSaysWhatIsMissing(t *testing.T) {
	empty := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	_, err := load(t, empty)
	require.ErrorContains(t, err, "is not set")
}

func TestADatabaseIsMadeForEachService(t *testing.T) {
	script, err := os.ReadFile("databases.sh")
	require.NoError(t, err)
	for _, service := range mustLoad(t).Services {
		name, _ := nameOf(service)
		if dsn := set(service)[strings.ToUpper(name)+"_DATABASE_DSN"]; dsn != "" {
			require.True(t, strings.HasSuffix(dsn, "/aftercare_"+name), dsn)
			require.Contains(t, string(script), " "+name)
		}
	}
}

package temporal

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
)

const (
	// DefaultFrontendAddr is where clients, workers and the Temporal CLI expect the frontend.
	DefaultFrontendAddr = "127.0.0.1:7233"
	// DefaultUIAddr is where `temporal server start-dev` shows the Web UI, too.
	DefaultUIAddr = "127.0.0.1:8233"
	// DefaultNamespace is the namespace of the product.
	DefaultNamespace = "aftercare"
	// DefaultRetention is how long closed workflows stay readable.
	DefaultRetention = 30 * 24 * time.Hour

	// databaseName is the name of the database file in Config.Dir.
	databaseName = "temporal.db"
	// clusterName is written into the database: changing it makes existing files unreadable.
	clusterName = "active"
	// historyShards is written into the database when it is created and cannot change later. The processor
	// is the limit of throughput, not the locks of the shards: four spread the waiting, more would only
	// cost memory.
	historyShards = 4
	// minRetention is the shortest retention that the server accepts for a namespace.
	minRetention = time.Hour
)

// Config says where the server keeps its data and where it listens.
type Config struct {
	// Dir holds the database file. It is created if it does not exist.
	Dir string
	// InMemory keeps everything in memory instead of Dir: for tests.
	InMemory bool
	// FrontendAddr is the host:port of the gRPC frontend. Empty: DefaultFrontendAddr. Port 0: any free port.
	FrontendAddr string
	// UIAddr is the host:port of the Web UI. Empty: no UI. Port 0: any free port.
	UIAddr string
	// Namespace is created if it does not exist. Empty: DefaultNamespace.
	Namespace string
	// Retention of closed workflows in Namespace, brought up to date at every start. Zero: DefaultRetention.
	Retention time.Duration
	// SearchAttributes are registered in Namespace; ones that an existing database lacks are added.
	// Attributes in the database that are not named here stay as they are.
	SearchAttributes map[string]enums.IndexedValueType
	// Bare makes neither the namespace nor the search attributes: whoever uses the server has them made through its API, as
	// with any cluster.
	Bare bool
	// CodecURL is where the UI has payloads decrypted, with the session that the browser has there. Empty: nowhere.
	CodecURL string
	// Logger gets warnings and errors of the server. Nil: nothing is logged.
	Logger *slog.Logger
}

// withDefaults returns the configuration with every empty field filled in that has a default.
func (c Config) withDefaults() Config {
	if c.FrontendAddr == "" {
		c.FrontendAddr = DefaultFrontendAddr
	}
	if c.Namespace == "" {
		c.Namespace = DefaultNamespace
	}
	if c.Retention == 0 {
		c.Retention = DefaultRetention
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.SearchAttributes = maps.Clone(c.SearchAttributes)
	return c
}

func (c Config) validate() error {
	switch {
	case c.InMemory && c.Dir != "":
		return errors.New("temporal: either Dir or InMemory, not both")
	case !c.InMemory && c.Dir == "":
		return errors.New("temporal: Dir is missing: it says where the database file lives")
	case c.Retention < minRetention:
		return fmt.Errorf("temporal: Retention is %s: it must be at least %s", c.Retention, minRetention)
	}
	return nil
}

// sqlConfig describes the database: a file with one connection, or a named database in memory.
func (c Config) sqlConfig() (*config.SQL, error) {
	sql := &config.SQL{PluginName: sqlite.PluginName, MaxConns: 1, MaxIdleConns: 1}
	if c.InMemory {
		sql.DatabaseName = uuid.NewString()
		sql.ConnectAttributes = map[string]string{"mode": "memory", "cache": "shared"}
		return sql, nil
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("temporal: cannot create the data directory: %w", err)
	}
	path, err := filepath.Abs(filepath.Join(c.Dir, databaseName))
	if err != nil {
		return nil, fmt.Errorf("temporal: %w", err)
	}
	sql.DatabaseName = (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
	sql.ConnectAttributes = filePragmas()
	return sql, nil
}

// filePragmas are the settings of the connection to a database file. The journal mode is not among
// them: WAL is a property of the file, see createSchema.
func filePragmas() map[string]string {
	return map[string]string{
		"mode": "rwc",
		// A second process on the same file would steal the shards of the first. Exclusive mode turns
		// that into an error at start, lets go of the file when the process dies, and saves the
		// locking and shared memory that WAL needs otherwise.
		"locking_mode": "exclusive",
		"busy_timeout": "2000",
		// A kill -9 loses nothing with "normal" either, a power cut does: it would forget cases that the
		// gateway has answered with 201. The price did not show in measurements, SQLite is not the limit.
		"synchronous": "full",
	}
}

// listen holds the addresses that the parts of the server bind to.
type listen struct {
	frontend                  netip.AddrPort
	ui                        netip.AddrPort // zero: no UI
	history, matching, worker netip.AddrPort
}

// serverConfig is the configuration file of a Temporal cluster of one.
func serverConfig(sql *config.SQL, at listen) *config.Config {
	frontend := dialable(at.frontend).String()
	disabled := "disabled"
	return &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     sqlite.PluginName,
			VisibilityStore:  sqlite.PluginName,
			NumHistoryShards: historyShards,
			DataStores:       map[string]config.DataStore{sqlite.PluginName: {SQL: sql}},
		},
		Global: config.Global{Membership: config.Membership{
			MaxJoinDuration:  30 * time.Second,
			BroadcastAddress: dialable(at.frontend).Addr().String(),
		}},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend,
			}},
		},
		Services: map[string]config.Service{
			string(primitives.FrontendService): service(at.frontend),
			string(primitives.HistoryService):  service(at.history),
			string(primitives.MatchingService): service(at.matching),
			string(primitives.WorkerService):   service(at.worker),
		},
		PublicClient:        config.PublicClient{HostPort: frontend},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: disabled},
			Visibility: config.VisibilityArchival{State: disabled},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: disabled},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: disabled},
		}},
	}
}

func service(at netip.AddrPort) config.Service {
	return config.Service{RPC: config.RPC{BindOnIP: at.Addr().String(), GRPCPort: int(at.Port())}}
}

// hosts tells every service where the others are, which spares the gossip ring of a real cluster.
func hosts(at listen) map[primitives.ServiceName]static.Hosts {
	return map[primitives.ServiceName]static.Hosts{
		primitives.FrontendService: static.SingleLocalHost(dialable(at.frontend).String()),
		primitives.HistoryService:  static.SingleLocalHost(at.history.String()),
		primitives.MatchingService: static.SingleLocalHost(at.matching.String()),
		primitives.WorkerService:   static.SingleLocalHost(at.worker.String()),
	}
}

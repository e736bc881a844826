package temporal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	namespacepb "go.temporal.io/server/api/persistence/v1"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence"
	"go.temporal.io/server/common/persistence/serialization"
	"go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/resolver"
	"go.temporal.io/server/common/searchattribute/sadefs"
	"go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// ensureNamespace brings the namespace, its retention and its search attributes up to date. It writes
// to the database before the server starts: through the API, each of the services would learn of a
// new attribute at a time of its own.
func ensureNamespace(ctx context.Context, cfg Config, db *config.SQL) error {
	serializer := serialization.NewSerializer()
	factory := sql.NewFactory(*db, resolver.NewNoopResolver(), clusterName,
		log.NewNoopLogger(), metrics.NoopMetricsHandler, serializer)
	defer factory.Close()
	store, err := factory.NewMetadataStore()
	if err != nil {
		return databaseError(err)
	}
	namespaces := persistence.NewMetadataManagerImpl(store, serializer, log.NewNoopLogger(), clusterName)
	defer namespaces.Close()

	found, err := namespaces.GetNamespace(ctx, &persistence.GetNamespaceRequest{Name: cfg.Namespace})
	var notFound *serviceerror.NamespaceNotFound
	if errors.As(err, &notFound) {
		return createNamespace(ctx, namespaces, cfg)
	}
	if err != nil {
		return databaseError(err)
	}
	return updateNamespace(ctx, namespaces, cfg, found)
}

func createNamespace(ctx context.Context, namespaces persistence.MetadataManager, cfg Config) error {
	created, err := sqlite.NewNamespaceConfig(clusterName, cfg.Namespace, false, nil)
	if err != nil {
		return fmt.Errorf("temporal: namespace %s: %w", cfg.Namespace, err)
	}
	if err := configure(created.Detail.Config, cfg.Retention, cfg.SearchAttributes); err != nil {
		return err
	}
	_, err = namespaces.CreateNamespace(ctx, &persistence.CreateNamespaceRequest{Namespace: created.Detail})
	return databaseError(err)
}

func updateNamespace(
	ctx context.Context, namespaces persistence.MetadataManager, cfg Config, found *persistence.GetNamespaceResponse,
) error {
	before := proto.Clone(found.Namespace.Config)
	if err := configure(found.Namespace.Config, cfg.Retention, cfg.SearchAttributes); err != nil {
		return err
	}
	if proto.Equal(before, found.Namespace.Config) {
		return nil
	}
	metadata, err := namespaces.GetMetadata(ctx)
	if err != nil {
		return databaseError(err)
	}
	found.Namespace.ConfigVersion++
	return databaseError(namespaces.UpdateNamespace(ctx, &persistence.UpdateNamespaceRequest{
		Namespace:           found.Namespace,
		IsGlobalNamespace:   found.IsGlobalNamespace,
		NotificationVersion: metadata.NotificationVersion,
	}))
}

// configure sets retention and search attributes in the stored configuration of a namespace.
func configure(
	stored *namespacepb.NamespaceConfig, retention time.Duration, attributes map[string]enums.IndexedValueType,
) error {
	stored.Retention = durationpb.New(retention)
	if stored.CustomSearchAttributeAliases == nil {
		stored.CustomSearchAttributeAliases = map[string]string{}
	}
	return assignColumns(stored.CustomSearchAttributeAliases, attributes)
}

// assignColumns gives every attribute that has none yet a column of its type. SQL visibility has a
// fixed number of columns (10 keywords, 3 of every other type); aliases maps column to attribute.
func assignColumns(aliases map[string]string, attributes map[string]enums.IndexedValueType) error {
	columns := sadefs.GetDBIndexSearchAttributes(nil).CustomSearchAttributes
	taken := make(map[string]enums.IndexedValueType, len(aliases))
	for column, name := range aliases {
		taken[name] = columns[column]
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		wanted := attributes[name]
		if has, ok := taken[name]; ok {
			if has != wanted {
				return fmt.Errorf("temporal: search attribute %s is a %s in this database and cannot become a %s",
					name, has, wanted)
			}
			continue
		}
		if sadefs.IsReserved(name) {
			return fmt.Errorf("temporal: search attribute %s is a reserved name", name)
		}
		column, ok := freeColumn(columns, aliases, wanted)
		if !ok {
			return fmt.Errorf("temporal: no room for search attribute %s: all columns of type %s are in use", name, wanted)
		}
		aliases[column] = name
	}
	return nil
}

func freeColumn(
	columns map[string]enums.IndexedValueType, aliases map[string]string, wanted enums.IndexedValueType,
) (string, bool) {
	for _, column := range slices.Sorted(maps.Keys(columns)) {
		if _, used := aliases[column]; !used && columns[column] == wanted {
			return column, true
		}
	}
	return "", false
}

package order_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/order"
	"aftercare.dev/services/order/api"
	"aftercare.dev/services/order/store"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/seal"
)

func dataKey(b byte) config.Secret {
	return config.Secret(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)))
}

func TestOldPlainContactsAreSealedByTheCommandWhileTheServiceRuns(t *testing.T) {
	client, _ := start(t, "http://127.0.0.1:1")
	in := input()
	in.Contact = &api.Contact{Name: ptr("Planted Zhang"), Phone: ptr("13800138000")}
	stored, err := client.PutOrderWithResponse(t.Context(), "m1", "o1", in)
	require.NoError(t, err)
	require.Equal(t, 200, stored.StatusCode())
	file := fileOf(t)
	require.Contains(t, readable(t, file), "Planted Zhang", "a service without keys stores plain text")

	keys := seal.Config{Keys: "k1:" + dataKey(1), IndexKey: dataKey(2), Seal: true}
	db := database.Config{Driver: database.SQLite, DSN: config.Secret(file), Logger: slog.New(slog.DiscardHandler)}
	for range 2 {
		require.NoError(t, seal.Alone(t.Context(), keys, db, store.Migrations(), seal.Of(store.Sealed), slog.New(slog.DiscardHandler)))
	}
	raw, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	defer raw.Close()
	var contact, index string
	require.NoError(t, raw.QueryRow("SELECT contact, phone_index FROM order_contacts").Scan(&contact, &index))
	require.True(t, strings.HasPrefix(contact, "sealed:1:k1:"), contact)
	require.NotEmpty(t, index)

	keys.Seal = false
	require.ErrorIs(t, seal.Alone(t.Context(), keys, db, store.Migrations(), seal.Of(store.Sealed), slog.New(slog.DiscardHandler)), seal.ErrPlain)
}

// fileOf is the database of the service that was started last in this test.
func fileOf(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(t.TempDir()), "*", "order.db"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

// readable is what the files of a database have.
func readable(t *testing.T, file string) string {
	t.Helper()
	var all strings.Builder
	for _, part := range []string{"", "-wal"} {
		content, err := os.ReadFile(file + part)
		require.NoError(t, err)
		all.Write(content)
	}
	return all.String()
}

func TestWithoutAnIndexKeyASearchSaysSo(t *testing.T) {
	client, _ := start(t, "http://127.0.0.1:1")
	answer, err := client.SearchContactsWithResponse(t.Context(), "m1", api.ContactSearch{Phone: "13800138000"})
	require.NoError(t, err)
	require.Equal(t, 422, answer.StatusCode())
	require.Contains(t, string(answer.Body), "search_off")
	require.Contains(t, string(answer.Body), "PERSONAL_DATA_INDEX_KEY")
	kept, err := client.ApplyRetentionWithResponse(t.Context())
	require.NoError(t, err)
	require.Equal(t, api.Retention{}, *kept.JSON200, "without a limit nothing is dropped")
}

func TestAWrongKeyStopsTheService(t *testing.T) {
	_, err := order.New(t.Context(), order.Config{
		Migrate: true, LogisticsURL: "http://127.0.0.1:1", Personal: seal.Config{Keys: "k1:short", Seal: true},
		Database: database.Config{Driver: database.SQLite, DSN: config.Secret(filepath.Join(t.TempDir(), "order.db"))},
	}, slog.New(slog.DiscardHandler))
	var fault *config.Error
	require.ErrorAs(t, err, &fault)
	require.Equal(t, "PERSONAL_DATA_KEYS", fault.Variable)
	require.NotContains(t, err.Error(), "short")
}

func TestTheServiceDropsContactsAfterItsDays(t *testing.T) {
	cfg, err := config.Load[order.Config]("", []string{"ORDER_DATABASE_DSN=x"})
	require.NoError(t, err)
	require.Equal(t, 365, cfg.RetentionContacts)
	require.True(t, cfg.Personal.Seal, "with keys, values are sealed unless somebody says no")
	_, err = config.Load[order.Config]("", []string{"ORDER_DATABASE_DSN=x", "RETENTION_CONTACTS_DAYS=-1"})
	require.Error(t, err)
}

package database_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/platform/database"
)

func TestAMigrationMayHaveAFileForEachEngine(t *testing.T) {
	file := func(statement string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("-- +goose Up\n" + statement + ";\n")}
	}
	schema := database.Schema{Service: "order", ServesFrom: 1, Files: fstest.MapFS{
		"00001_things.sql":        file("CREATE TABLE IF NOT EXISTS things (name VARCHAR(64) NOT NULL PRIMARY KEY)"),
		"00002_engine.sqlite.sql": file("INSERT INTO things (name) VALUES ('sqlite')"),
		"00002_engine.mysql.sql":  file("INSERT INTO things (name) VALUES ('mysql')"),
		"00003_more.sql":          file("INSERT INTO things (name) VALUES ('more')"),
	}}
	onEmpty(t, func(t *testing.T, db *gorm.DB) {
		for range 2 {
			require.NoError(t, database.Migrate(t.Context(), db, schema))
		}
		var names []string
		require.NoError(t, db.Table("things").Order("name").Pluck("name", &names).Error)
		require.Equal(t, []string{"more", db.Name()}, names)
	})
}

package database

import (
	"errors"
	"testing"

	driversql "github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"
)

func TestAServerThatAllowsNoTriggersIsAnsweredWithAWayOut(t *testing.T) {
	for number, way := range map[uint16]string{1419: "log_bin_trust_function_creators=1", 1142: "TRIGGER"} {
		refusal := &driversql.MySQLError{Number: number, Message: "denied"}
		failed := &goose.PartialError{Failed: &goose.MigrationResult{Source: &goose.Source{Type: goose.TypeSQL, Version: 8}}, Err: refusal}
		err := wayOut(failed)
		require.ErrorContains(t, err, way)
		require.ErrorIs(t, err, refusal)
	}
	other := errors.New("else")
	require.Equal(t, other, wayOut(other))
	require.NoError(t, wayOut(nil))
}

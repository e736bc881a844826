package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/platform/database"
)

func FuzzACursor(f *testing.F) {
	f.Add(cursor{placedAt: database.At(time.UnixMicro(1767225600000000)), orderID: "o1"}.encode())
	f.Add("MS8")
	f.Add("%")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := decodeCursor(text)
		if err != nil || text == "" {
			require.Equal(t, cursor{}, c)
			return
		}
		require.Regexp(t, `^[A-Za-z0-9_.:-]{1,64}$`, c.orderID, "what goes into the query is an id")
		again, err := decodeCursor(c.encode())
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

package freightinsurance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzAnEventOfAStranger(f *testing.F) {
	f.Add("signature=00&timestamp=1&nonce=2")
	f.Add("%")
	c := New(Config{CallbackToken: "a token that nobody guesses"}, func() time.Time { return noon })
	f.Fuzz(func(t *testing.T, query string) {
		_, err := c.ParseEvent(query, []byte("<xml/>"))
		require.ErrorIs(t, err, ErrForged)
	})
}

package payload_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/services/platform/config"
	"aftercare.dev/workflows/payload"
)

// secret is the base64 of a key that is n, 32 times.
func secret(n byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{n}, 32)) }

// keysOf has the keys k<n>, the first one first.
func keysOf(t testing.TB, numbers ...byte) payload.Keys {
	t.Helper()
	var entries []string
	for _, n := range numbers {
		entries = append(entries, fmt.Sprintf("k%d:%s", n, secret(n)))
	}
	keys, err := payload.ParseKeys(strings.Join(entries, ","))
	require.NoError(t, err)
	return keys
}

func TestKeysThatCannotBeUsedAreNamedByTheirIDAndNeverRepeated(t *testing.T) {
	const id = "does not begin with the id of a key, 1 to 32 of a-z, 0-9 and -, and a colon"
	const plainFirst = `"plain" is no key: it stands alone, before the first one, if nothing is to be encrypted`
	const size = "is not 32 bytes in base64; make one with: openssl rand -base64 32"
	short := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 31))
	long := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 33))
	tests := map[string]struct{ list, want string }{
		"no id":               {secret(1), "entry 1 " + id},
		"an empty id":         {":" + secret(1), "entry 1 " + id},
		"the wrong way round": {"k2:" + secret(2) + "," + secret(1) + ":k1", "entry 2 " + id},
		"capitals":            {"K1:" + secret(1), "entry 1 " + id},
		"an id that is long":  {strings.Repeat("a", 33) + ":" + secret(1), "entry 1 " + id},
		"an empty entry":      {"k1:" + secret(1) + ",", "entry 2 " + id},
		"no key":              {"k1:", `the key "k1" ` + size},
		"only an id":          {"k1", `the key "k1" ` + size},
		"too short":           {"k1:" + short, `the key "k1" ` + size},
		"too long":            {"k1:" + long, `the key "k1" ` + size},
		"hexadecimal":         {"k1:" + strings.Repeat("0f", 32), `the key "k1" ` + size},
		"no padding":          {"k1:" + strings.TrimRight(secret(1), "="), `the key "k1" ` + size},
		"text after it":       {"k1:" + secret(1) + "x", `the key "k1" ` + size},
		"one id twice":        {"k1:" + secret(1) + ",k1:" + secret(2), `the id "k1" is given twice; a new key needs a new id`},
		"one key twice":       {"k2:" + secret(1) + ",k1:" + secret(1), `the key "k1" is the same as one before it; make a new one with: openssl rand -base64 32`},
		"plain in between":    {"k2:" + secret(2) + ",plain", plainFirst},
		"plain as an id":      {"plain:" + secret(1), plainFirst},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := payload.ParseKeys(test.list)
			var wrong *config.Error
			require.ErrorAs(t, err, &wrong)
			require.Equal(t, "PAYLOAD_KEYS", wrong.Variable)
			require.Equal(t, "PAYLOAD_KEYS: "+test.want, err.Error())
		})
	}
}

func TestTheFirstKeyEncryptsAndSpacesDoNotMatter(t *testing.T) {
	keys, err := payload.ParseKeys(" k-2:" + secret(2) + ", k1:" + secret(1) + " ")
	require.NoError(t, err)
	require.Equal(t, "k-2,k1", keys.String())
}

func TestAKeyNeverShows(t *testing.T) {
	keys := keysOf(t, 7)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("keys", "keys", keys, "all", []any{keys})
	encoded, err := json.Marshal(map[string]any{"keys": keys})
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		log.WriteString(fmt.Sprintf(verb, keys) + fmt.Sprintf(verb, struct{ K payload.Keys }{keys}))
	}
	log.Write(encoded)
	for _, key := range []string{secret(7), strings.Repeat("\a", 4), `\a\a\a`, "07070707", "7 7 7 7", "0x7, 0x7"} {
		require.NotContains(t, log.String(), key)
	}
	require.Contains(t, log.String(), "k7")
}

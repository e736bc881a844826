package access

import (
	"crypto/ed25519"
	"encoding/base64"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// What no key of ours signed lets nobody in, whatever it says of itself.
func FuzzATokenOfAStranger(f *testing.F) {
	_, ours, err := ed25519.GenerateKey(nil)
	require.NoError(f, err)
	_, theirs, err := ed25519.GenerateKey(nil)
	require.NoError(f, err)
	forged, err := Sign(theirs, alice, "issuer", "aftercare", noon, time.Hour)
	require.NoError(f, err)
	f.Add("Bearer " + forged)
	f.Add("bearer x.y.z")
	f.Add("Basic YTpi")
	encode := base64.RawURLEncoding.EncodeToString
	claims := encode([]byte(`{"iss":"issuer","aud":"aftercare","sub":"alice","merchant_id":"m1","roles":["administrator"],"exp":9999999999}`))
	f.Add("Bearer " + encode([]byte(`{"alg":"none"}`)) + "." + claims + ".")
	f.Add("Bearer " + encode([]byte(`{"alg":"HS256"}`)) + "." + claims + "." + encode(make([]byte, 32)))
	v := verifier(f, publicPEM(f, ours))
	f.Fuzz(func(t *testing.T, authorization string) {
		who, err := v.Verify(request(authorization))
		require.Error(t, err)
		require.Equal(t, Principal{}, who)
	})
}

// What is signed as it should be can still name people and merchants as it likes; they become ids in every service.
func FuzzWhatATokenSays(f *testing.F) {
	_, ours, err := ed25519.GenerateKey(nil)
	require.NoError(f, err)
	f.Add("alice", "m1", "agent", "aftercare", int64(3600))
	f.Add("../m2", "", "administrator", "other", int64(-1))
	v := verifier(f, publicPEM(f, ours))
	f.Fuzz(func(t *testing.T, subject, merchant, role, audience string, seconds int64) {
		token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
			"iss": "issuer", "aud": audience, "sub": subject, "merchant_id": merchant, "roles": []string{role},
			"iat": noon.Unix(), "exp": noon.Unix() + seconds,
		}).SignedString(ours)
		require.NoError(t, err)
		who, err := v.Verify(request("Bearer " + token))
		if err != nil {
			return
		}
		require.Equal(t, "aftercare", audience)
		require.Greater(t, seconds, int64(-leeway/time.Second))
		require.Regexp(t, id, who.Subject)
		require.Regexp(t, id, who.MerchantID)
	})
}

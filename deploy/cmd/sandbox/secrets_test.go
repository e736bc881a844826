package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/keys"
	"aftercare.dev/deploy/sandbox"
	"aftercare.dev/gateway"
	"aftercare.dev/gateway/access"
	"aftercare.dev/services/logistics"
	"aftercare.dev/services/notification"
	"aftercare.dev/services/payment"
	"aftercare.dev/services/platform/config"
)

func trial(t *testing.T) made {
	t.Helper()
	at, err := addresses("http://gateway:8080/", "http://sandbox:8090", "")
	require.NoError(t, err)
	require.Equal(t, sandbox.Addresses{Gateway: "http://gateway:8080", Sandbox: "http://sandbox:8090", Mail: "sandbox:8025"}, at)
	m, err := makeSecrets(at, 7200)
	require.NoError(t, err)
	return m
}

func TestTheSecretsAreAllThatTheProcessesAskFor(t *testing.T) {
	environ := []string{}
	for name, value := range trial(t).house {
		environ = append(environ, name+"="+value)
	}
	for _, name := range []string{"LOGISTICS", "PAYMENT", "NOTIFICATION"} {
		environ = append(environ, name+"_DATABASE_DSN=x")
	}
	for name, load := range map[string]func() error{
		"gateway":      func() error { _, err := config.Load[gateway.Config]("", environ); return err },
		"payment":      func() error { _, err := config.Load[payment.Config]("", environ); return err },
		"logistics":    func() error { _, err := config.Load[logistics.Config]("", environ); return err },
		"notification": func() error { _, err := config.Load[notification.Config]("", environ); return err },
	} {
		require.NoError(t, load(), name)
	}
}

func TestTheSandboxSignsWithTheCredentialsThatTheHouseChecks(t *testing.T) {
	m := trial(t)
	credentials, err := sandbox.ParseCredentials([]byte(m.outside["SANDBOX_CREDENTIALS"]))
	require.NoError(t, err)
	require.Equal(t, m.house["WECHATPAY_PLATFORM_PUBLIC_KEY"], credentials.WechatPay.PlatformPublicKeyPEM)
	outside, err := sandbox.Start(t.Context(), sandbox.Config{Dir: t.TempDir(), Credentials: credentials})
	require.NoError(t, err)
	require.NoError(t, outside.Close())
	for _, wrong := range []string{"", "{}", `{"platform_private_key_pem":"none"}`} {
		_, err := sandbox.ParseCredentials([]byte(wrong))
		require.Error(t, err, wrong)
	}
}

func TestATokenIsTakenByTheGatewayThatKnowsTheKey(t *testing.T) {
	m := trial(t)
	own, err := keys.ParseSigning(m.outside["JWT_SIGNING_KEY"])
	require.NoError(t, err)
	who, err := keys.Somebody("agent", "demo", "")
	require.NoError(t, err)
	signed, err := own.Token(who, time.Minute)
	require.NoError(t, err)
	verifier, err := access.NewVerifier(m.house["JWT_PUBLIC_KEYS"], m.house["JWT_ISSUER"], m.house["JWT_AUDIENCE"], time.Now)
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+signed)
	found, err := verifier.Verify(r)
	require.NoError(t, err)
	require.Equal(t, who, found)
	for _, wrong := range [][2]string{{"king", "x"}, {"buyer", ""}} {
		_, err := keys.Somebody(wrong[0], "demo", wrong[1])
		require.Error(t, err)
	}
}

func TestSecretsAreWrittenForAShellAndForKubernetes(t *testing.T) {
	m := trial(t)
	var env bytes.Buffer
	require.NoError(t, asEnv(&env, "", m))
	file := t.TempDir() + "/env"
	require.NoError(t, os.WriteFile(file, env.Bytes(), 0o600))
	read, err := exec.CommandContext(t.Context(), "sh", "-c", `. "$0"; printf %s "$SANDBOX_CREDENTIALS"`, file).Output()
	require.NoError(t, err)
	require.Equal(t, m.outside["SANDBOX_CREDENTIALS"], string(read))

	var list struct {
		Items []struct {
			Metadata   struct{ Name string }
			StringData map[string]string
		}
	}
	var manifest bytes.Buffer
	require.NoError(t, asKubernetes(&manifest, "trial", m))
	require.NoError(t, json.Unmarshal(manifest.Bytes(), &list))
	require.Len(t, list.Items, 2)
	require.Equal(t, "trial", list.Items[0].Metadata.Name)
	require.Equal(t, m.house, list.Items[0].StringData)
	require.Equal(t, "trial-sandbox", list.Items[1].Metadata.Name)
	require.NotContains(t, list.Items[0].StringData, "JWT_SIGNING_KEY", "the house does not sign tokens")
}

package helm_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
)

func TestEachProcessHasATokenOfItsOwn(t *testing.T) {
	objects := install(t, product, with(t, "serviceToken: {perProcess: true, existingSecret: identities}"))
	keys := map[string][]string{}
	for name, pod := range objects.longRunning() {
		c := pod.Spec.Containers[0]
		for _, variable := range []string{"SERVICE_TOKEN", "SERVICE_CALLERS"} {
			if at := slices.IndexFunc(c.Env, func(v core.EnvVar) bool { return v.Name == variable }); at >= 0 {
				require.Equal(t, "identities", c.Env[at].ValueFrom.SecretKeyRef.Name, name)
				keys[c.Name] = append(keys[c.Name], c.Env[at].ValueFrom.SecretKeyRef.Key)
			}
		}
	}
	for program, own := range keys {
		keys[program] = slices.Compact(slices.Sorted(slices.Values(own)))
	}
	require.Equal(t, map[string][]string{
		"gateway": {"SERVICE_TOKEN_GATEWAY"}, "worker": {"SERVICE_TOKEN_WORKER"},
		"order": {"SERVICE_CALLERS", "SERVICE_TOKEN_ORDER"}, "logistics": {"SERVICE_CALLERS", "SERVICE_TOKEN_LOGISTICS"},
		"payment": {"SERVICE_CALLERS", "SERVICE_TOKEN_PAYMENT"}, "cases": {"SERVICE_CALLERS", "SERVICE_TOKEN_CASES"},
		"notification": {"SERVICE_CALLERS", "SERVICE_TOKEN_NOTIFICATION"},
	}, keys)
}

func TestIssuersThatPublishTheirKeysNeedNoKeysHere(t *testing.T) {
	const issuers = `[{"issuer":"https://login.example.com","audience":"aftercare"}]`
	values := with(t, "jwt: {issuer: \"\", audience: \"\", oidcIssuers: '"+issuers+"'}")
	door := install(t, product, values).deployment(t, "aftercare-gateway").Spec.Template.Spec.Containers[0]
	require.JSONEq(t, issuers, plain(door)["OIDC_ISSUERS"])
	for _, variable := range []string{"JWT_ISSUER", "JWT_AUDIENCE", "JWT_PUBLIC_KEYS"} {
		require.False(t, has(door, variable), variable)
	}
	both := with(t, "jwt: {oidcIssuers: '"+issuers+"'}")
	door = install(t, product, both).deployment(t, "aftercare-gateway").Spec.Template.Spec.Containers[0]
	require.JSONEq(t, issuers, plain(door)["OIDC_ISSUERS"])
	require.True(t, has(door, "JWT_PUBLIC_KEYS"))
}

func TestOnlyWhoChecksTokensMayAskTheIssuers(t *testing.T) {
	asks := func(text string) []string {
		var found []string
		objects := install(t, product, with(t, "networkPolicy: {enabled: true, issuers: {ports: [8443]}}\n"+text))
		for name, pod := range objects.longRunning() {
			for _, policy := range policiesOf(t, objects, pod) {
				for _, rule := range policy.Spec.Egress {
					if hasPort(rule.Ports, 8443) {
						found = append(found, name)
					}
				}
			}
		}
		return found
	}
	require.Empty(t, asks(""))
	require.Equal(t, []string{"Deployment aftercare-gateway"}, asks(`jwt: {oidcIssuers: '[{"issuer":"https://login.example.com","audience":"aftercare"}]'}`))
}

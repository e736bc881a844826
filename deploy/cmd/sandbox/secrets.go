package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"aftercare.dev/deploy/keys"
	"aftercare.dev/deploy/sandbox"
)

// made are secrets that belong together.
type made struct {
	// house is for the processes of the house; outside is for the sandbox alone, and for signing tokens.
	house, outside map[string]string
}

// secrets prints new secrets of a house for trying out. Keep the output: each run makes others.
func secrets(flags *flag.FlagSet, args []string) error {
	format := flags.String("format", "env", "kubernetes (two Secrets), env or json")
	name := flags.String("name", "aftercare-trial", "the Secret of the house; the one of the sandbox is NAME-sandbox")
	gateway := flags.String("gateway", "http://gateway:8080", "base URL of the gateway, as the sandbox reaches it")
	outside := flags.String("sandbox", "http://sandbox:8090", "base URL of the sandbox, as the house reaches it")
	mail := flags.String("mail", "", "host and port of the sandbox's mail server (default: port 8025 of --sandbox)")
	scale := flags.Float64("time-scale", 7200, "SANDBOX_TIME_SCALE")
	if err := flags.Parse(args); err != nil {
		return err
	}
	write, ok := map[string]func(io.Writer, string, made) error{"kubernetes": asKubernetes, "env": asEnv, "json": asJSON}[*format]
	if !ok {
		return fmt.Errorf("--format is %q, expected kubernetes, env or json", *format)
	}
	at, err := addresses(*gateway, *outside, *mail)
	if err != nil {
		return err
	}
	if *scale < 1 {
		return errors.New("--time-scale is below 1")
	}
	m, err := makeSecrets(at, *scale)
	if err != nil {
		return err
	}
	return write(os.Stdout, *name, m)
}

func addresses(gateway, outside, mail string) (sandbox.Addresses, error) {
	for flag, base := range map[string]string{"--gateway": gateway, "--sandbox": outside} {
		if parsed, err := url.Parse(base); err != nil || parsed.Host == "" {
			return sandbox.Addresses{}, fmt.Errorf("%s is %q, expected a URL such as http://gateway:8080", flag, base)
		}
	}
	if mail == "" {
		parsed, err := url.Parse(outside)
		if err != nil {
			return sandbox.Addresses{}, err
		}
		mail = net.JoinHostPort(parsed.Hostname(), "8025")
	}
	return sandbox.Addresses{Gateway: strings.TrimSuffix(gateway, "/"), Sandbox: strings.TrimSuffix(outside, "/"), Mail: mail}, nil
}

func makeSecrets(at sandbox.Addresses, scale float64) (made, error) {
	own, err := keys.New()
	if err != nil {
		return made{}, err
	}
	credentials, err := sandbox.NewCredentials()
	if err != nil {
		return made{}, err
	}
	exported, err := credentials.Export()
	if err != nil {
		return made{}, err
	}
	m := made{house: own.Environ(), outside: map[string]string{
		"SANDBOX_CREDENTIALS":  string(exported),
		"SANDBOX_CALLBACK_URL": at.Gateway,
		"SANDBOX_TIME_SCALE":   fmt.Sprint(scale),
		"JWT_SIGNING_KEY":      own.SigningPEM,
	}}
	maps.Copy(m.house, credentials.Environ(at, scale))
	return m, nil
}

// asEnv writes what a shell and compose read alike: values in single quotes, which none of them has in it.
func asEnv(w io.Writer, _ string, m made) error {
	all := maps.Clone(m.house)
	maps.Copy(all, m.outside)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, err := fmt.Fprintf(w, "%s='%s'\n", name, strings.TrimSpace(all[name])); err != nil {
			return err
		}
	}
	return nil
}

func asJSON(w io.Writer, _ string, m made) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"house": m.house, "sandbox": m.outside})
}

// asKubernetes writes a list of two Secrets in JSON, which kubectl takes like YAML.
func asKubernetes(w io.Writer, name string, m made) error {
	secret := func(name string, data map[string]string) map[string]any {
		return map[string]any{
			"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
			"metadata": map[string]any{"name": name}, "stringData": data,
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": []any{
		secret(name, m.house), secret(name+"-sandbox", m.outside),
	}})
}

// token prints a token for the house whose signing key is in JWT_SIGNING_KEY.
func token(flags *flag.FlagSet, args []string) error {
	role := flags.String("role", "storefront", strings.Join(keys.Roles, ", "))
	merchant := flags.String("merchant", "demo", "the tenant")
	subject := flags.String("subject", "", "who it is; for a buyer the buyer's id")
	valid := flags.Duration("valid", 30*24*time.Hour, "for how long")
	if err := flags.Parse(args); err != nil {
		return err
	}
	who, err := keys.Somebody(*role, *merchant, *subject)
	if err != nil {
		return err
	}
	own, err := keys.ParseSigning(os.Getenv("JWT_SIGNING_KEY"))
	if err != nil {
		return fmt.Errorf("JWT_SIGNING_KEY %w: set it to the one that `sandbox secrets` printed", err)
	}
	signed, err := own.Token(who, *valid)
	if err != nil {
		return err
	}
	fmt.Println(signed)
	return nil
}

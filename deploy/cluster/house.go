package cluster

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
)

// installOutside installs the sandbox release, whose secrets are those of the house.
func (r *run) installOutside(ctx context.Context) error {
	values := object{
		"fullnameOverride": outsideRelease, "existingSecret": outsideSecret,
		"image": object{"tag": r.Versions[0]},
	}
	path, err := r.write("sandbox-values.json", values)
	if err != nil {
		return err
	}
	_, err = r.helm(ctx, "install", outsideRelease, filepath.Join(r.Charts, "aftercare-sandbox"), "--values", path, "--wait", "--timeout=3m")
	return err
}

// install installs the house, or upgrades it, to a version.
func (r *run) install(ctx context.Context, verb, version string) error {
	path, err := r.write("values-"+version+".json", r.values(version))
	if err != nil {
		return err
	}
	if _, err := r.helm(ctx, verb, release, filepath.Join(r.Charts, "aftercare"), "--values", path, "--wait", "--timeout=8m"); err != nil {
		return err
	}
	_, err = r.helm(ctx, "test", release)
	return err
}

// values are those of an adopter with a Temporal and a MySQL elsewhere. Two of everything, so that one can go.
func (r *run) values(version string) object {
	// What the providers' clocks are in the sandbox is in the Secret of the house as well.
	paced := object{"extraEnvFrom": []object{{"secretRef": object{"name": houseSecret}}}}
	return object{
		"image":          object{"tag": version},
		"existingSecret": houseSecret,
		"database":       object{"existingSecret": databaseSecret},
		"publicUrl":      gatewayURL,
		"jwt":            object{"issuer": "aftercare-local", "audience": "aftercare"},
		"temporal": object{
			"address": r.servers.address, "namespace": "aftercare",
			"setup": object{"createNamespace": true},
		},
		"wechatpay": object{"baseUrl": sandboxURL + "/wechatpay"},
		"smtp":      object{"address": "aftercare-sandbox:8025", "tls": "none", "login": false, "from": "aftercare@example.com"},
		"evidence":  object{"storage": "ephemeral"},
		"telemetry": object{"metrics": object{"enabled": true}},
		"payloadEncryption": object{
			"enabled": true, "existingSecret": payloadSecret,
			"codec": object{"publicUrl": "http://aftercare-codec:8087", "uiOrigins": []string{"http://127.0.0.1:8233"}, "tenant": "operations"},
		},
		"codec":        object{"enabled": true},
		"personalData": object{"enabled": true},
		"defaults": object{
			"replicas":  2,
			"resources": object{"requests": object{"cpu": "10m", "memory": "32Mi"}},
		},
		"logistics": paced, "payment": paced,
	}
}

// write keeps values in a file, as JSON, which is YAML as well.
func (r *run) write(name string, values object) (string, error) {
	content, err := json.MarshalIndent(values, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(r.Dir, name)
	return path, os.WriteFile(path, content, 0o600)
}

package images

import (
	"archive/tar"
	"bytes"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const (
	// nobody is user and group of every process: no name, no rights.
	nobody = 65532
	user   = "65532:65532"
	// data is the only directory. A volume that an engine makes for it belongs to the process, and settings that
	// name a directory have their default in there.
	data = "data"
	// bills is where scanners look for bills of materials that somebody else has written.
	bills = "usr/share/sbom"
)

// assemble makes the image of a binary: FROM scratch, in two layers, so that the bill can be read without the binary.
func assemble(o Options, p Program, binary, bill []byte) (v1.Image, error) {
	program, err := layer(o.Time,
		entry{name: data + "/", mode: 0o750, owner: nobody},
		entry{name: p.Name, mode: 0o555, content: binary})
	if err != nil {
		return nil, err
	}
	materials, err := layer(o.Time,
		entry{name: "usr/", mode: 0o755}, entry{name: "usr/share/", mode: 0o755}, entry{name: bills + "/", mode: 0o755},
		entry{name: bills + "/" + p.Name + ".cdx.json", mode: 0o444, content: bill})
	if err != nil {
		return nil, err
	}
	image, err := mutate.Append(empty.Image, added(program, "the program", o.Time), added(materials, "its bill of materials", o.Time))
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", o.Architecture
	file.Created = v1.Time{Time: o.Time.UTC()}
	file.Config = v1.Config{
		User:       user,
		Entrypoint: []string{"/" + p.Name},
		WorkingDir: "/",
		StopSignal: "SIGTERM",
		Labels:     labels(o, p),
	}
	return mutate.ConfigFile(image, file)
}

func labels(o Options, p Program) map[string]string {
	all := map[string]string{
		"org.opencontainers.image.title":       "aftercare " + p.Name,
		"org.opencontainers.image.description": p.Does,
		"org.opencontainers.image.version":     o.Version,
	}
	if o.Revision != "" {
		all["org.opencontainers.image.revision"] = o.Revision
	}
	if o.Source != "" {
		all["org.opencontainers.image.source"] = o.Source
	}
	return all
}

func added(layer v1.Layer, what string, at time.Time) mutate.Addendum {
	return mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: what, Created: v1.Time{Time: at.UTC()}}}
}

// entry is a file, or a directory if the name ends with a slash.
type entry struct {
	name    string
	mode    int64
	owner   int
	content []byte
}

func layer(at time.Time, entries ...entry) (v1.Layer, error) {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	for _, e := range entries {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Uid: e.owner, Gid: e.owner,
			Size: int64(len(e.content)), ModTime: at.UTC().Truncate(time.Second), Format: tar.FormatUSTAR,
		}
		if e.name[len(e.name)-1] == '/' {
			header.Typeflag = tar.TypeDir
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(buffer.Bytes())), nil
	})
}

package images

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

// billOf lists what is in the binary, as CycloneDX: every module that the linker says it took from, and the standard
// library. It has no time and no random number: same binary, same bill.
func billOf(binary string, p Program, version string) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	program := cdx.Component{
		BOMRef: "program", Type: cdx.ComponentTypeApplication, Name: "aftercare " + p.Name, Version: version, Description: p.Does,
		PackageURL: purl(info.Path, version),
		Hashes:     &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
	}
	components := []cdx.Component{{
		BOMRef: "std", Type: cdx.ComponentTypeLibrary, Name: "std", Version: info.GoVersion,
		PackageURL: purl("std", strings.TrimPrefix(info.GoVersion, "go")),
	}}
	for _, module := range modulesOf(info, version) {
		component, err := componentOf(module)
		if err != nil {
			return nil, err
		}
		components = append(components, component)
	}
	refs := make([]string, len(components))
	for i, component := range components {
		refs[i] = component.BOMRef
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + uuid.NewSHA1(uuid.NameSpaceOID, sum[:]).String()
	bom.Metadata = &cdx.Metadata{Component: &program}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: "program", Dependencies: &refs}}
	var out bytes.Buffer
	err = cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6)
	return out.Bytes(), err
}

// modulesOf lists the modules of a binary as they were taken: the replacement, where there is one with a version. Modules
// of this repository have the version of the product.
func modulesOf(info *debug.BuildInfo, version string) []debug.Module {
	modules := []debug.Module{{Path: info.Main.Path, Version: version}}
	for _, dependency := range info.Deps {
		module := *dependency
		if module.Replace != nil {
			if module.Replace.Version != "" {
				module = *module.Replace
			} else {
				module = debug.Module{Path: module.Path, Version: version}
			}
		}
		modules = append(modules, module)
	}
	return modules
}

func componentOf(module debug.Module) (cdx.Component, error) {
	component := cdx.Component{
		BOMRef: purl(module.Path, module.Version), Type: cdx.ComponentTypeLibrary, Name: module.Path, Version: module.Version,
		PackageURL: purl(module.Path, module.Version),
	}
	if module.Sum == "" {
		return component, nil
	}
	// go.sum's "h1:" is a SHA-256 of the list of the files' sums, in base64.
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(module.Sum, "h1:"))
	if err != nil {
		return component, fmt.Errorf("the sum of %s: %w", module.Path, err)
	}
	component.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	return component, nil
}

// purl is the package URL of a Go module.
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + url.QueryEscape(version)
}

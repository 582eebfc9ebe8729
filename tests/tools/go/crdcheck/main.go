// crdcheck gives the API server's verdict on custom resources, with the API server's own code and without a cluster.
//
// usage: crdcheck CRD.yaml… < documents.json > errors.json
// stdin:  a JSON list of objects. stdout: a JSON list of lists of errors, one for each object, in its order.
//
// An object passes what a POST with ?fieldValidation=Strict passes: unknown fields, metadata, defaults, the OpenAPI
// schema, list sets and maps, and the CEL rules with their cost limits. Not here: admission webhooks and quotas.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

const maxConfigMap = 1024 * 1024 // the API server's limit on the data of a ConfigMap

type kind struct {
	apiVersion string
	namespaced bool
	schema     *structural.Structural
	openapi    validation.SchemaValidator
	rules      *cel.Validator
}

func main() {
	kinds := map[string]*kind{}
	for _, path := range os.Args[1:] {
		name, k, err := load(path)
		if err != nil {
			fail(fmt.Errorf("%s: %w", path, err))
		}
		kinds[name] = k
	}
	var documents []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&documents); err != nil {
		fail(err)
	}
	all := [][]string{}
	for _, document := range documents {
		all = append(all, check(document, kinds))
	}
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "crdcheck:", err)
	os.Exit(2)
}

func load(path string) (string, *kind, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return "", nil, err
	}
	version := crd.Spec.Versions[0]
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		version.Schema.OpenAPIV3Schema, &props, nil); err != nil {
		return "", nil, err
	}
	schema, err := structural.NewStructural(&props)
	if err != nil {
		return "", nil, err
	}
	openapi, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		return "", nil, err
	}
	return crd.Spec.Names.Kind, &kind{
		apiVersion: crd.Spec.Group + "/" + version.Name,
		namespaced: crd.Spec.Scope == apiextensionsv1.NamespaceScoped,
		schema:     schema,
		openapi:    openapi,
		rules:      cel.NewValidator(schema, true, celconfig.PerCallLimit),
	}, nil
}

func check(document []byte, kinds map[string]*kind) []string {
	var object map[string]any
	if err := utiljson.Unmarshal(document, &object); err != nil { // integers stay int64, as in the API server
		return []string{err.Error()}
	}
	name, _ := object["kind"].(string)
	if name == "ConfigMap" {
		return checkConfigMap(document)
	}
	k, ok := kinds[name]
	if !ok {
		return []string{fmt.Sprintf("kind: no CRD for %q", name)}
	}
	if object["apiVersion"] != k.apiVersion {
		return []string{fmt.Sprintf("apiVersion: %v is not %s", object["apiVersion"], k.apiVersion)}
	}

	errors := []string{}
	meta, found, unknownMeta, err := objectmeta.GetObjectMetaWithOptions(object,
		objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return []string{err.Error()}
	}
	if !found {
		return []string{"metadata: is missing"}
	}
	unknown := append(unknownMeta, pruning.PruneWithOptions(object, k.schema, true,
		structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	sort.Strings(unknown)
	for _, path := range unknown {
		errors = append(errors, fmt.Sprintf("unknown field %q", path))
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(object, k.schema)
	defaulting.Default(object, k.schema)

	if k.namespaced && meta.Namespace == "" {
		meta.Namespace = "default" // the request's path gives it; a manifest need not
	}
	if meta.Name == "" && meta.GenerateName != "" {
		meta.Name = meta.GenerateName + "aaaaa" // made up before it is looked at, as the API server does
	}
	faults := metavalidation.ValidateObjectMetaAccessor(meta, k.namespaced, metavalidation.NameIsDNSSubdomain,
		field.NewPath("metadata"))
	faults = append(faults, validation.ValidateCustomResource(nil, object, k.openapi)...)
	faults = append(faults, listtype.ValidateListSetsAndMaps(nil, k.schema, object)...)
	if len(faults) == 0 { // the API server runs the rules on well-formed objects only
		broken, _ := k.rules.Validate(context.Background(), nil, k.schema, object, nil, celconfig.RuntimeCELCostBudget)
		faults = append(faults, broken...)
	}
	for _, fault := range faults {
		errors = append(errors, fault.Error())
	}
	return errors
}

func checkConfigMap(document []byte) []string {
	var m corev1.ConfigMap
	strict, err := kjson.UnmarshalStrict(document, &m)
	if err != nil {
		return []string{err.Error()}
	}
	errors := []string{}
	for _, err := range strict {
		errors = append(errors, err.Error())
	}
	if m.APIVersion != "v1" {
		errors = append(errors, fmt.Sprintf("apiVersion: %s is not v1", m.APIVersion))
	}
	if m.Namespace == "" {
		m.Namespace = "default"
	}
	faults := metavalidation.ValidateObjectMeta(&m.ObjectMeta, true, metavalidation.NameIsDNSSubdomain,
		field.NewPath("metadata"))
	size := 0
	keys := func(where, key string, length int) {
		size += length
		for _, problem := range utilvalidation.IsConfigMapKey(key) {
			faults = append(faults, field.Invalid(field.NewPath(where).Key(key), key, problem))
		}
	}
	for key, value := range m.Data {
		keys("data", key, len(value))
		if _, twice := m.BinaryData[key]; twice {
			faults = append(faults, field.Invalid(field.NewPath("data").Key(key), key, "is in binaryData too"))
		}
	}
	for key, value := range m.BinaryData {
		keys("binaryData", key, len(value))
	}
	if size > maxConfigMap {
		faults = append(faults, field.TooLong(field.NewPath("data"), "", maxConfigMap))
	}
	for _, fault := range faults {
		errors = append(errors, fault.Error())
	}
	sort.Strings(errors)
	return errors
}

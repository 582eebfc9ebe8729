//go:build argo3

package main

import (
	"context"
	"fmt"

	"github.com/sirupsen/logrus"
	apierr "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/common"
	"github.com/argoproj/argo-workflows/v3/workflow/validate"
)

type templates map[string]*wfv1.WorkflowTemplate

func (t templates) Get(name string) (*wfv1.WorkflowTemplate, error) {
	if found, ok := t[name]; ok {
		return found, nil
	}
	return nil, apierr.NewNotFound(schema.GroupResource{Resource: "workflowtemplates"}, name)
}

type clusterTemplates map[string]*wfv1.ClusterWorkflowTemplate

func (t clusterTemplates) Get(name string) (*wfv1.ClusterWorkflowTemplate, error) {
	if found, ok := t[name]; ok {
		return found, nil
	}
	return nil, apierr.NewNotFound(schema.GroupResource{Resource: "clusterworkflowtemplates"}, name)
}

type world struct {
	ctx     context.Context
	local   templates
	cluster clusterTemplates
}

func newWorld() *world {
	logrus.SetLevel(logrus.FatalLevel) // what matters is in the returned errors
	return &world{context.Background(), templates{}, clusterTemplates{}}
}

func (w *world) parse(text []byte) (func() error, error) {
	found := common.ParseObjects(text, true)
	if len(found) != 1 {
		return nil, fmt.Errorf("not a manifest that Argo reads")
	}
	if found[0].Err != nil {
		return nil, found[0].Err
	}
	options := validate.ValidateOpts{Lint: true}
	switch o := found[0].Object.(type) {
	case *wfv1.Workflow:
		return func() error { return validate.ValidateWorkflow(w.local, w.cluster, o, nil, options) }, nil
	case *wfv1.WorkflowTemplate:
		w.local[o.Name] = o
		return func() error { return validate.ValidateWorkflowTemplate(w.local, w.cluster, o, nil, options) }, nil
	case *wfv1.ClusterWorkflowTemplate:
		w.cluster[o.Name] = o
		return func() error { return validate.ValidateClusterWorkflowTemplate(w.local, w.cluster, o, nil, options) }, nil
	case *wfv1.CronWorkflow:
		return func() error { return validate.ValidateCronWorkflow(w.ctx, w.local, w.cluster, o, nil) }, nil
	}
	return nil, fmt.Errorf("not a kind that Argo validates")
}

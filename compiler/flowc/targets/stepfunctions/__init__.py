"""The target `stepfunctions`: state machines of AWS Step Functions, whose tasks run on AWS Batch or Amazon ECS.

`docs/stepfunctions.md` shows the result for each construct. ADR 27 explains the design.
"""

"""The API of the reconstruction operator: what a job asks for, what its status says, and what can go wrong.

Imported by the operator, the worker and the command line; imports none of them, and nothing heavier than pydantic.
"""
